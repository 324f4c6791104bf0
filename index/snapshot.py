"""The blocks of an index on disk: numpy and FAISS files under checksums, published as a whole, mapped at a start.

A snapshot only shortens a start. The record is the truth: what was committed since is caught up from its log, and a
snapshot that is damaged, or of another record or other models, is not used but rebuilt from the record.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from index.blocks import Block, row_length
from index.durable_files import published
from index.errors import LeaseLost, SnapshotUnusable
from index.labels import Labels
from index.loose_rows import Codes, LooseRows
from index.manifest import BlockEntry, FileEntry, Manifest, Moment
from index.segments import SealedRows, mapped_codes
from index.shards import LOOSE_ROWS, Group

KEPT = 2
"""Snapshots of a models version left on disk: the latest, and one to fall back to."""
_NAME = re.compile(r"(\d{15})-(?:(\d{8})-)?[0-9a-f]{8}")
"""Change, the writer's token, chance; before there were leases there were no tokens."""
Fence = Callable[[], AbstractContextManager[None]]


class Snapshots:
    """The snapshots in a folder, each in one of its own; several processes may read and write at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[Path]:
        """Latest first: by change, and of one change by token."""
        found = [path for path in self.folder.glob("*-*") if _NAME.fullmatch(path.name) and path.is_dir()]
        return sorted(found, key=lambda path: (sequence_of(path), _token_of(path), path.name), reverse=True)

    def identity(self) -> str:
        """The same in every process that shares this folder, and in no other: what their lease is called after."""
        file = self.folder.with_name(f"{self.folder.name}.id")
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            own = file.with_name(f".{file.name}-{uuid4().hex}")
            own.write_text(uuid4().hex)
            try:
                os.link(own, file)
            except FileExistsError:
                pass  # another process was first
            finally:
                own.unlink()
        return file.read_text()

    def latest(self, models_version: str) -> Path | None:
        """The latest snapshot of these models."""
        return next((path for path in self.paths() if _models_of(path) == models_version), None)

    def publish(
        self,
        blocks: Iterable[tuple[Group, Block]],
        dimension: int,
        models_version: str,
        moment: Moment,
        tick: Callable[[], None] = lambda: None,
        token: int = 0,
        fence: Fence = nullcontext,
        kept: int = KEPT,
    ) -> Path:
        """Write blocks as of a moment; `tick` is called after each. All but the `kept` latest go once it is on disk.

        It appears inside `fence`. Raises LeaseLost, and nothing has appeared, where that does, or where the holder of a
        later `token` has published.
        """
        path = self.folder / f"{moment.sequence:015d}-{token:08d}-{uuid4().hex[:8]}"
        with published(path, lambda: self._alone(token, fence)) as folder:
            entries, garments = [], 0
            for number, ((tenant, mask), block) in enumerate(blocks):
                entries.append(_write_block(folder, number, tenant, mask, block))
                garments += block.live
                tick()
            Manifest(
                models_version=models_version,
                dimension=dimension,
                moment=moment,
                garments=garments,
                created_at=datetime.now(UTC),
                token=token,
                blocks=tuple(entries),
            ).write(folder)
        self.prune(models_version, kept)
        return path

    def prune(self, models_version: str, kept: int = KEPT) -> None:
        """Delete all but the latest of these models; a process that has one mapped keeps its bytes until it ends.

        What cannot be read is nobody's. Those of other models serve other processes, and stay.
        """
        ours = [path for path in self.paths() if _models_of(path) in (models_version, None)]
        for path in ours[kept:]:
            self.discard(path)

    def discard_others(self, models_version: str) -> int:
        """Delete those of other models; how many there were."""
        others = [path for path in self.paths() if _models_of(path) not in (models_version, None)]
        for path in others:
            self.discard(path)
        return len(others)

    def discard_abandoned(self, moment_of: Callable[[int], Moment | None]) -> int:
        """Delete those, of whatever models, whose last change the record does not hold; how many there were.

        They are of a state of it that an older one was restored over: no start uses them, but their changes and tokens
        are later than those of new ones. What cannot be read is left to `prune`.
        """
        abandoned = [path for path in self.paths() if (ends := _moment_of(path)) and moment_of(ends.sequence) != ends]
        for path in abandoned:
            self.discard(path)
        return len(abandoned)

    def discard(self, path: Path) -> None:
        """Delete one; under another name first, so that a half deleted one is never read."""
        doomed = path.with_name(f".unfinished-{path.name}")
        try:
            path.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    @contextmanager
    def _alone(self, token: int, fence: Fence) -> Iterator[None]:
        with fence():
            if any(_token_of(path) > token for path in self.paths()):
                raise LeaseLost(f"a later holder than that of token {token} has published a snapshot")
            yield


def open_blocks(
    folder: Path, manifest: Manifest, rows_of: Callable[[Codes, Any], SealedRows] = SealedRows
) -> Iterator[tuple[Group, Block]]:
    """The blocks, their vectors mapped, not read unless `rows_of` reads. Raises SnapshotUnusable where sizes differ."""
    for entry in manifest.blocks:
        entry.labels.check(folder)
        labels, alive = _read_labels(folder / entry.labels.name)
        path, columns = entry.vectors.check_size(folder), row_length(manifest.dimension, entry.mask)
        codes, owner = mapped_codes(path, entry.rows, columns)
        if len(labels) != entry.rows or len(alive) != entry.rows or np.count_nonzero(~alive) != entry.dead:
            raise SnapshotUnusable(f"{entry.labels.name} does not hold the columns of {entry.rows} rows")
        rows = rows_of(codes, owner) if entry.rows >= LOOSE_ROWS else LooseRows(codes)
        yield (entry.tenant_key, entry.mask), Block.made(rows, labels, alive)


def check_files(folder: Path, manifest: Manifest, tick: Callable[[], None] = lambda: None) -> None:
    """Read every byte; `tick` is called after each block. Raises SnapshotUnusable where one differs."""
    for entry in manifest.blocks:
        entry.vectors.check(folder)
        entry.labels.check(folder)
        tick()


def sequence_of(path: Path) -> int:
    """The change up to which a snapshot goes, by its name."""
    return int(path.name[:15])


def _token_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[2] or 0) if found else 0


def _moment_of(path: Path) -> Moment | None:
    """None where the manifest cannot be read."""
    try:
        return Manifest.read(path).moment
    except SnapshotUnusable:
        return None


def _models_of(path: Path) -> str | None:
    """None where the manifest cannot be read."""
    try:
        return Manifest.read(path).models_version
    except SnapshotUnusable:
        return None


def _write_block(folder: Path, number: int, tenant: int, mask: int, block: Block) -> BlockEntry:
    vectors, labels = folder / f"block-{number:05d}.faiss", folder / f"block-{number:05d}.npz"
    rows = block.rows if isinstance(block.rows, SealedRows) else SealedRows(block.rows.codes())
    rows.write(vectors)
    np.savez(labels, allow_pickle=False, alive=block.alive, **block.labels.columns())
    return BlockEntry(
        tenant_key=tenant,
        mask=mask,
        rows=len(block),
        dead=block.dead,
        vectors=FileEntry.of(vectors),
        labels=FileEntry.of(labels),
    )


def _read_labels(path: Path) -> tuple[Labels, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    try:
        with np.load(path, allow_pickle=False) as columns:
            named = {name: columns[name] for name in columns.files}
            alive = named.pop("alive").astype(np.bool_)
            return Labels(**named), alive
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise SnapshotUnusable(f"{path.name} does not hold labels: {error}") from error
