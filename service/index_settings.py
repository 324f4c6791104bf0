"""Settings of the index and of what it keeps elsewhere."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from index.types import Storage


class Engine(StrEnum):
    """What scans the vectors: `faiss` in this process, `milvus` in processes of its own that replicas share."""

    FAISS = "faiss"
    MILVUS = "milvus"


class MilvusSettings(BaseModel):
    """Milvus, where it is the engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str | None = Field(
        default=None,
        description="`http://HOST:19530`, or a file ending in `.db` for Milvus Lite, which one process alone can open; "
        "unset: Lite in the data dir",
    )
    token: SecretStr | None = Field(default=None, description="`USER:PASSWORD` or an API key of Milvus")
    prefix: str = Field(
        default="selvedge",
        pattern="^[a-z][a-z0-9]{0,31}$",
        description="What the names of collections begin with; one a record, where several use one Milvus",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=20, description="Longest wait for Milvus, in seconds")


class PhotoSettings(BaseModel):
    """Where the bytes of registered photos lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(
        default=None,
        description="`file:///FOLDER` or `s3://BUCKET/FOLDER` (docs/scaling.md); unset: `photos` in the data dir",
    )
    timeout_s: float = Field(default=10.0, gt=0, description="Longest wait for an object store, in seconds")


class IndexSettings(BaseModel):
    """The index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Engine = Field(default=Engine.FAISS, description="`faiss` in this process, or `milvus` (docs/scaling.md)")
    snapshot_every: int = Field(
        default=10_000, ge=0, description="Changes between two snapshots that shorten the next start; 0 writes none"
    )
    follow_every_s: float = Field(
        default=0.25, gt=0, le=10, description="How often the record is asked for other processes' changes, in seconds"
    )
    stale_after_s: float = Field(
        default=5.0, gt=0, description="Not ready where the index was not caught up for longer than this, in seconds"
    )
    storage: Storage = Field(
        default=Storage.FP16,
        description="What is kept of a vector in memory: `fp16`, or `sq8`, half of it, with the rest on disk; "
        "`gpu`: on a graphics card too, which scans it",
    )
    milvus: MilvusSettings = MilvusSettings()
