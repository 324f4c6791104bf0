"""A backup is a folder that can be restored from alone: the record, the photos, and a snapshot to start from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from index.catalogue import Catalogue
from index.durable_files import published, sync
from index.errors import BackupUnusable, ItemNotFound, PhotoDamaged, SnapshotUnusable
from index.live import LiveIndex
from index.manifest import FileEntry, Manifest, SealedModel, sha256_of
from index.photos import PhotoStore
from index.snapshot import Snapshots, check_files

RECORD = "record.sqlite"
PHOTOS = "photos"
SNAPSHOTS = "snapshots"
Tick = Callable[[], None]


class BackupManifest(SealedModel):
    """`record` is None where PostgreSQL holds it: pg_dump backs that up. Counts are the record's own."""

    format: Literal[1] = 1
    created_at: datetime
    record: FileEntry | None
    items: int = Field(ge=0)
    garments: int = Field(ge=0)
    photos: int = Field(ge=0)


def write_backup(
    catalogue: Catalogue, photos: PhotoStore, live: LiveIndex, folder: Path, tick: Tick = lambda: None
) -> BackupManifest:
    """Into a new folder, while all goes on; `tick` is called after each photo. Raises BackupUnusable if it exists."""
    if folder.exists():
        raise BackupUnusable(f"{folder} exists already: name a new folder")
    with published(folder) as writing:
        # The record last of all that changes: it may know more than the snapshot, which then catches up, never less.
        live.copy_snapshot(Snapshots(writing / SNAPSHOTS))
        record = catalogue.copy_to(writing / RECORD)
        source = catalogue if record is None else Catalogue(f"sqlite:///{record}")
        try:
            counts, hashes = source.counts(), source.photo_hashes()
        finally:
            if source is not catalogue:
                source.close()
        copied = 0
        for sha256 in sorted(hashes):
            copied += _copy_photo(photos, sha256, catalogue, writing / PHOTOS)
            tick()
        manifest = BackupManifest(
            created_at=datetime.now(UTC),
            record=None if record is None else FileEntry.of(record),
            items=counts.items,
            garments=counts.garments,
            photos=copied,
        )
        manifest.write(writing)
    return manifest


def _copy_photo(photos: PhotoStore, sha256: str, catalogue: Catalogue, folder: Path) -> bool:
    """False where it was deleted since the record was copied. Raises BackupUnusable where it is missing or damaged."""
    try:
        data = photos.read(sha256)
    except ItemNotFound as error:
        if catalogue.refers_to(sha256):
            raise BackupUnusable(f"the photo {sha256} is missing") from error
        return False
    except PhotoDamaged as error:
        raise BackupUnusable(str(error)) from error
    target = folder / sha256[:2] / sha256
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return True


def check_backup(folder: Path, tick: Tick = lambda: None) -> BackupManifest:
    """Read every byte of it; `tick` is called after each photo. Raises BackupUnusable where one differs."""
    try:
        manifest = BackupManifest.read(folder)
        if manifest.record is not None:
            manifest.record.check(folder)
        for snapshot in Snapshots(folder / SNAPSHOTS).paths():
            check_files(snapshot, Manifest.read(snapshot))
    except SnapshotUnusable as error:
        raise BackupUnusable(f"the backup cannot be trusted: {error}") from error
    files = list((folder / PHOTOS).glob("??/*"))
    if len(files) != manifest.photos:
        raise BackupUnusable(f"the backup holds {len(files)} photos, not {manifest.photos}")
    for photo in files:
        if sha256_of(photo) != photo.name:
            raise BackupUnusable(f"the photo {photo.name} is damaged: its checksum differs")
        tick()
    return manifest


def restore_backup(
    folder: Path, data_dir: Path, record: Path | None, tick: Tick = lambda: None, photos: PhotoStore | None = None
) -> BackupManifest:
    """Into a data dir that holds nothing yet, the record to `record`; checked before and after the copy.

    With `photos` they go there, beside what it holds already, and not into the data dir. Raises BackupUnusable, and
    then nothing is there that a service would start from.
    """
    manifest = check_backup(folder)
    if (manifest.record is None) != (record is None):
        raise BackupUnusable("the record of one is in PostgreSQL, that of the other in a file: name the right database")
    taken = [path for path in (data_dir / PHOTOS, data_dir / SNAPSHOTS, record) if path is not None and path.exists()]
    if taken:
        raise BackupUnusable(f"{taken[0]} exists already: restore into an empty data dir")
    data_dir.mkdir(parents=True, exist_ok=True)
    if photos is None:
        _copy_photos(folder / PHOTOS, data_dir / PHOTOS, tick)
    else:
        for photo in (folder / PHOTOS).glob("??/*"):
            with photos.stored(photo.name, photo.read_bytes()):
                tick()
    with published(data_dir / SNAPSHOTS) as writing:
        shutil.copytree(folder / SNAPSHOTS, writing, dirs_exist_ok=True)
    if record is not None and manifest.record is not None:
        unfinished = record.with_name(f"{record.name}.unfinished")
        shutil.copyfile(folder / manifest.record.name, unfinished)
        if sha256_of(unfinished) != manifest.record.sha256:
            raise BackupUnusable("the record was damaged while it was copied")
        sync(unfinished)
        unfinished.rename(record)
        sync(record.parent)
    return manifest


def _copy_photos(source: Path, target: Path, tick: Tick) -> None:
    with published(target) as writing:
        for photo in source.glob("??/*"):
            copied = writing / photo.parent.name / photo.name
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(photo, copied)
            tick()
