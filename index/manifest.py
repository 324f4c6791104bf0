"""What a snapshot says of itself: of which record, models and moment it is, and the size and checksum of every file."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.errors import SnapshotUnusable

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Part):
    """A file of the snapshot's folder."""

    name: str = Field(pattern=r"^[a-z0-9.-]+$")
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @staticmethod
    def of(path: Path) -> FileEntry:
        return FileEntry(name=path.name, size=path.stat().st_size, sha256=sha256_of(path))

    def check_size(self, folder: Path) -> Path:
        """Where it is. Raises SnapshotUnusable where it is missing or of another size."""
        path = folder / self.name
        if not path.is_file() or path.stat().st_size != self.size:
            raise SnapshotUnusable(f"{path.name} is missing or has not {self.size} bytes")
        return path

    def check(self, folder: Path) -> None:
        """Raises SnapshotUnusable where a bit differs."""
        if sha256_of(self.check_size(folder)) != self.sha256:
            raise SnapshotUnusable(f"{self.name} is damaged: its checksum differs")


class BlockEntry(_Part):
    """A block: `vectors` holds its rows, `labels` the columns beside them, tombstones among both."""

    tenant_key: int
    mask: int = Field(ge=0, le=31)
    rows: int = Field(ge=1)
    dead: int = Field(ge=0)
    vectors: FileEntry
    labels: FileEntry


class Moment(_Part):
    """The change up to which a snapshot goes: a record that has another change under its number is another record."""

    sequence: int = Field(ge=0)
    item_id: str | None = None
    at: datetime | None = None


class SealedModel(_Part):
    """A manifest in a folder, written under a checksum of its own."""

    def write(self, folder: Path) -> None:
        """Into `folder`; the caller makes it durable."""
        text = self.model_dump_json()
        (folder / MANIFEST).write_text(json.dumps({"sha256": _sha256(text), "content": text}) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises SnapshotUnusable where it is damaged, or of a format that is not known here."""
        try:
            outer = json.loads((folder / MANIFEST).read_text())
            text = outer["content"]
            if _sha256(text) != outer["sha256"]:
                raise SnapshotUnusable("the manifest is damaged: its checksum differs")
            return cls.model_validate_json(text)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotUnusable(f"no manifest that can be read: {error}") from error
        except ValidationError as error:
            wrong = error.errors()[0]["msg"]
            raise SnapshotUnusable(f"a manifest that this Selvedge does not know: {wrong}") from error


class Manifest(SealedModel):
    """A snapshot's; `garments` is how many answer, tombstones not counted; `token` is its writer's lease's."""

    format: Literal[2] = 2
    models_version: str
    dimension: int = Field(ge=0)
    moment: Moment
    garments: int = Field(ge=0)
    created_at: datetime
    token: int = Field(default=0, ge=0)
    blocks: tuple[BlockEntry, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(block.vectors.size + block.labels.size for block in self.blocks)

    @property
    def dead(self) -> int:
        """Tombstones."""
        return sum(block.dead for block in self.blocks)


def sha256_of(path: Path) -> str:
    """Of a file's bytes, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
