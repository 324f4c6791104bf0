"""Settings of the index."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from index.types import Storage


class IndexSettings(BaseModel):
    """The index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        description="What is kept of a vector in memory: `fp16`, or `sq8`, half of it, with the rest on disk",
    )
