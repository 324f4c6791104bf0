"""A backup is a folder that can be restored from alone: record, photos, API keys, and a snapshot to start from."""

from __future__ import annotations

import shutil
import sqlite3
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
from index.sqlite_files import copy_database

RECORD = "record.sqlite"
KEYS = "keys.sqlite"
PHOTOS = "photos"
SNAPSHOTS = "snapshots"
Tick = Callable[[], None]


class BackupManifest(SealedModel):
    """`record` is None where PostgreSQL holds it, and the keys with it: pg_dump backs that up.

    `keys` (hashes of API keys, no key) is None too where there was no such file. Counts are the record's own.
    """

    format: Literal[1] = 1
    created_at: datetime
    record: FileEntry | None
    keys: FileEntry | None = None
    items: int = Field(ge=0)
    garments: int = Field(ge=0)
    photos: int = Field(ge=0)


def write_backup(
    catalogue: Catalogue,
    photos: PhotoStore,
    live: LiveIndex,
    folder: Path,
    tick: Tick = lambda: None,
    keys: Path | None = None,
) -> BackupManifest:
    """Into a new folder, while all goes on; `tick` is called after each photo.

    `keys` is the SQLite file of API keys, which need not exist. Raises BackupUnusable if the folder exists.
    """
    if folder.exists():
        raise BackupUnusable(f"{folder} exists already: name a new folder")
    with published(folder) as writing:
        # The record last of all that changes: it may know more than the snapshot, which then catches up, never less.
        live.copy_snapshot(Snapshots(writing / SNAPSHOTS))
        record = catalogue.copy_to(writing / RECORD)
        copied_keys = None if keys is None or not keys.exists() else _copy_keys(keys, writing / KEYS)
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
            keys=None if copied_keys is None else FileEntry.of(copied_keys),
            items=counts.items,
            garments=counts.garments,
            photos=copied,
        )
        manifest.write(writing)
    return manifest


def _copy_keys(keys: Path, target: Path) -> Path:
    """Raises BackupUnusable where it is no table of keys, or another holds it."""
    try:
        return copy_database(keys, target)
    except sqlite3.Error as error:
        raise BackupUnusable(f"{keys} cannot be copied: {error}") from error


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
        for entry in (manifest.record, manifest.keys):
            if entry is not None:
                entry.check(folder)
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
    folder: Path,
    data_dir: Path,
    record: Path | None,
    tick: Tick = lambda: None,
    photos: PhotoStore | None = None,
    keys: Path | None = None,
) -> BackupManifest:
    """Into a data dir that holds nothing yet, the record to `record`, API keys to `keys`; checked before and after.

    With `photos` they go there, beside what it holds already, and not into the data dir. Raises BackupUnusable, and
    then nothing is there that a service would start from.
    """
    manifest = check_backup(folder)
    if (manifest.record is None) != (record is None):
        raise BackupUnusable("the record of one is in PostgreSQL, that of the other in a file: name the right database")
    if manifest.keys is not None and keys is None:
        raise BackupUnusable("the backup holds API keys, and there is no file for them: restore it beside its record")
    places = (data_dir / PHOTOS, data_dir / SNAPSHOTS, record, keys)
    taken = [path for path in places if path is not None and path.exists()]
    if taken:
        raise BackupUnusable(f"{taken[0]} exists already: restore into an empty data dir")
    data_dir.mkdir(parents=True, exist_ok=True)
    if photos is None:
        _copy_photos(folder / PHOTOS, data_dir / PHOTOS, tick)
    else:
        for photo in (folder / PHOTOS).glob("??/*"):
            with photos.stored(photo.name, photo.read_bytes()):
                tick()
    # Before the record: a service that starts from it must not be open to whoever comes.
    if keys is not None and manifest.keys is not None:
        _copy_database(folder, manifest.keys, keys)
    with published(data_dir / SNAPSHOTS) as writing:
        shutil.copytree(folder / SNAPSHOTS, writing, dirs_exist_ok=True)
    if record is not None and manifest.record is not None:
        _copy_database(folder, manifest.record, record)
    return manifest


def _copy_database(folder: Path, entry: FileEntry, target: Path) -> None:
    """Durable before it has its name. Raises BackupUnusable where the copy differs."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.copyfile(folder / entry.name, unfinished)
    if sha256_of(unfinished) != entry.sha256:
        raise BackupUnusable(f"{entry.name} was damaged while it was copied")
    sync(unfinished)
    unfinished.rename(target)
    sync(target.parent)


def _copy_photos(source: Path, target: Path, tick: Tick) -> None:
    with published(target) as writing:
        for photo in source.glob("??/*"):
            copied = writing / photo.parent.name / photo.name
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(photo, copied)
            tick()
