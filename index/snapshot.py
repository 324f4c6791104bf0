"""The blocks of an index on disk: numpy and FAISS files under checksums, published as a whole, mapped at a start.

A snapshot only shortens a start. The record is the truth: what was committed since is caught up from its log, and a
snapshot that is damaged, or of another record or other models, is not used but rebuilt from the record.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from index.blocks import Block, row_length
from index.durable_files import published
from index.errors import SnapshotUnusable
from index.labels import Labels
from index.loose_rows import LooseRows
from index.manifest import BlockEntry, FileEntry, Manifest, Moment
from index.segments import SealedRows
from index.shards import LOOSE_ROWS, Group

KEPT = 2
"""Snapshots left on disk: the latest, and one to fall back to."""


class Snapshots:
    """The snapshots in a folder, each in one of its own; several processes may read and write at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[Path]:
        """Latest first."""
        found = (path for path in self.folder.glob("*-*") if path.is_dir() and path.name[0].isdigit())
        return sorted(found, key=lambda path: path.name, reverse=True)

    def publish(
        self,
        blocks: Iterable[tuple[Group, Block]],
        dimension: int,
        models_version: str,
        moment: Moment,
        tick: Callable[[], None] = lambda: None,
    ) -> Path:
        """Write blocks as of a moment; `tick` is called after each. Old snapshots go once this one is on disk."""
        path = self.folder / f"{moment.sequence:015d}-{uuid4().hex[:8]}"
        with published(path) as folder:
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
                blocks=tuple(entries),
            ).write(folder)
        self.prune()
        return path

    def prune(self, kept: int = KEPT) -> None:
        """Delete all but the latest; a process that has one mapped keeps its bytes until it ends."""
        for path in self.paths()[kept:]:
            self.discard(path)

    def discard(self, path: Path) -> None:
        """Delete one; under another name first, so that a half deleted one is never read."""
        doomed = path.with_name(f".unfinished-{path.name}")
        try:
            path.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)


def open_blocks(
    folder: Path, manifest: Manifest, rows_kind: type[SealedRows] = SealedRows
) -> Iterator[tuple[Group, Block]]:
    """The blocks, their vectors mapped and not read yet. Raises SnapshotUnusable where sizes or headers differ."""
    for entry in manifest.blocks:
        entry.labels.check(folder)
        labels, alive = _read_labels(folder / entry.labels.name)
        path, columns = entry.vectors.check_size(folder), row_length(manifest.dimension, entry.mask)
        mapped = rows_kind.mapped(path, entry.rows, columns)
        if len(labels) != entry.rows or len(alive) != entry.rows or np.count_nonzero(~alive) != entry.dead:
            raise SnapshotUnusable(f"{entry.labels.name} does not hold the columns of {entry.rows} rows")
        rows = mapped if entry.rows >= LOOSE_ROWS else LooseRows(mapped.codes())
        yield (entry.tenant_key, entry.mask), Block.made(rows, labels, alive)


def check_files(folder: Path, manifest: Manifest, tick: Callable[[], None] = lambda: None) -> None:
    """Read every byte; `tick` is called after each block. Raises SnapshotUnusable where one differs."""
    for entry in manifest.blocks:
        entry.vectors.check(folder)
        entry.labels.check(folder)
        tick()


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
