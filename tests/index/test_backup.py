"""The restore drill: what comes back is what was there, or it is refused."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from index.backup import KEYS, RECORD, BackupManifest, check_backup, restore_backup, write_backup
from index.blocks import Block
from index.errors import BackupUnusable
from index.loose_rows import LooseRows
from index.manifest import MANIFEST, Manifest
from index.registry import Registry
from index.shards import Shards
from index.snapshot import Snapshots
from index.types import Filters, ItemDetails, ItemFilters
from index.verification import tombstones, verify
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.postgres import Cluster

ITEMS = 24


def open_registry(folder: Path) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION, snapshot_every=0)
    registry.start()
    return registry


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data dir with items of two tenants, one deleted; to be copied, since filling it waits for the disk."""
    folder = tmp_path_factory.mktemp("filled")
    opened = open_registry(folder)
    for seed in range(ITEMS):
        photo = make_new_photo(seed, details=ItemDetails(title=f"Shirt {seed}"), tenant="AB"[seed % 2])
        opened.add(photo, make_photo_bytes(seed))
    opened.delete("SKU-0", "A")
    opened.close()
    return folder


@pytest.fixture
def registry(filled: Path, tmp_path: Path) -> Iterator[Registry]:
    shutil.copytree(filled, tmp_path / "data")
    opened = open_registry(tmp_path / "data")
    yield opened
    opened.close()


def back_up(registry: Registry, folder: Path, keys: Path | None = None) -> BackupManifest:
    return write_backup(registry._catalogue, registry._photos, registry._live, folder, keys=keys)


def restore(backup: Path, data_dir: Path) -> Registry:
    restore_backup(backup, data_dir, data_dir / "record.db")
    return open_registry(data_dir)


def state(registry: Registry) -> object:
    """Counts, every item with its photos' bytes, and searches."""
    items, found = {}, []
    for tenant in "AB":
        for item in registry.list(limit=100, filters=ItemFilters(tenant=tenant)).items:
            photos = [registry.photo_bytes(item.item_id, photo.photo_id, tenant) for photo in item.photos]
            items[tenant, item.item_id] = item.details, photos
        for seed in range(6):
            hits = registry.search(make_query(make_garment(seed), filters=Filters(tenant=tenant)))
            found.append([(hit.item_id, hit.score) for hit in hits])
    return registry.stats(), items, found


def test_the_restore_drill(registry: Registry, tmp_path: Path) -> None:
    """Counts, checksums, tombstones, sampled searches, photos: all the same in another data dir."""
    registry.delete("SKU-2", "A")
    back_up(registry, tmp_path / "backup")
    (snapshot,) = Snapshots(tmp_path / "backup" / "snapshots").paths()
    assert Manifest.read(snapshot).dead == 1, "what was deleted while the index was open lies in it as a tombstone"
    restored = restore(tmp_path / "backup", tmp_path / "elsewhere")
    assert restored._live.started_from is not None
    assert isinstance(restored._vectors, Shards)
    assert len(tombstones(restored._vectors)) == 1
    for dead in (0, 2):
        query = make_query(make_garment(dead), top_k=ITEMS, filters=Filters(tenant="A"))
        assert f"SKU-{dead}" not in {hit.item_id for hit in restored.search(query)}
    assert state(restored) == state(registry)
    findings = verify(restored._catalogue, Snapshots(tmp_path / "elsewhere" / "snapshots"), MODELS_VERSION)
    assert [finding.name for finding in findings if not finding.agrees] == []
    assert {finding.name: finding.found for finding in findings}["garments"] == str(ITEMS - 2)
    restored.add(make_new_photo(99, tenant="A"), make_photo_bytes(99))
    assert registry.stats().counts.items == ITEMS - 2, "the original was left alone"
    restored.close()


def test_a_backup_beside_writes_is_of_one_moment(registry: Registry, tmp_path: Path) -> None:
    """Items that come and go meanwhile are there whole or not at all."""
    done = threading.Event()

    def come_and_go() -> None:
        seed = 1000
        while not done.is_set():
            registry.add(make_new_photo(seed, tenant="A"), make_photo_bytes(seed))
            if seed % 2:
                registry.delete(f"SKU-{seed}", "A")
            seed += 1

    thread = threading.Thread(target=come_and_go)
    thread.start()
    for n in range(4):
        back_up(registry, tmp_path / f"backup-{n}")
    done.set()
    thread.join()
    for n in range(4):
        restored = restore(tmp_path / f"backup-{n}", tmp_path / f"restored-{n}")
        assert restored.stats().searchable == restored.stats().counts.items >= ITEMS - 1
        assert not restored.stale
        restored.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "record cut short": lambda folder: (folder / RECORD).write_bytes((folder / RECORD).read_bytes()[:-1]),
    "record flipped": lambda folder: flip(folder / RECORD),
    "photo flipped": lambda folder: flip(next((folder / "photos").glob("??/*"))),
    "photo missing": lambda folder: next((folder / "photos").glob("??/*")).unlink(),
    "snapshot flipped": lambda folder: flip(next((folder / "snapshots").glob("*/*.faiss"))),
}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused(registry: Registry, tmp_path: Path, damage: str) -> None:
    """Before anything is copied."""
    back_up(registry, tmp_path / "backup")
    assert check_backup(tmp_path / "backup").photos == ITEMS - 1
    DAMAGE[damage](tmp_path / "backup")
    with pytest.raises(BackupUnusable):
        restore_backup(tmp_path / "backup", tmp_path / "new", tmp_path / "new" / "record.db")
    assert not (tmp_path / "new").exists()


def test_keys_come_back_with_the_rest_or_nothing_does(registry: Registry, tmp_path: Path) -> None:
    """As of the backup, what lay in the log of the table included; damaged, or without a place, they are refused."""
    keys = sqlite3.connect(tmp_path / "keys.sqlite")
    keys.executescript(
        "PRAGMA journal_mode = WAL; CREATE TABLE api_keys (key_id TEXT); INSERT INTO api_keys VALUES ('a')"
    )
    back_up(registry, tmp_path / "backup", keys=tmp_path / "keys.sqlite")
    keys.execute("INSERT INTO api_keys VALUES ('later')")
    keys.commit()
    keys.close()
    new = tmp_path / "new"
    with pytest.raises(BackupUnusable, match="API keys"):
        restore_backup(tmp_path / "backup", new, new / "record.db")
    restore_backup(tmp_path / "backup", new, new / "record.db", keys=new / "keys.sqlite")
    restored = sqlite3.connect(new / "keys.sqlite")
    assert restored.execute("SELECT key_id FROM api_keys").fetchall() == [("a",)]
    restored.close()
    other = tmp_path / "other"
    other.mkdir()
    (other / "keys.sqlite").write_bytes(b"keys of somebody")
    with pytest.raises(BackupUnusable, match="exists already"):
        restore_backup(tmp_path / "backup", other, other / "record.db", keys=other / "keys.sqlite")
    flip(tmp_path / "backup" / KEYS)
    with pytest.raises(BackupUnusable, match="damaged"):
        check_backup(tmp_path / "backup")


def test_a_table_of_keys_that_cannot_be_read_stops_the_backup(registry: Registry, tmp_path: Path) -> None:
    """Where no key was ever made there is none, and that is no fault."""
    assert back_up(registry, tmp_path / "backup", keys=tmp_path / "none.sqlite").keys is None
    (tmp_path / "keys.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(BackupUnusable, match="cannot be copied"):
        back_up(registry, tmp_path / "again", keys=tmp_path / "keys.sqlite")
    assert not (tmp_path / "again").exists()


def test_nothing_is_overwritten(registry: Registry, tmp_path: Path) -> None:
    """Neither a backup nor a data dir that is in use."""
    back_up(registry, tmp_path / "backup")
    with pytest.raises(BackupUnusable, match="exists already"):
        back_up(registry, tmp_path / "backup")
    before = state(registry)
    with pytest.raises(BackupUnusable, match="exists already"):
        restore_backup(tmp_path / "backup", tmp_path / "data", tmp_path / "data" / "record.db")
    assert state(registry) == before


def test_a_photo_that_is_damaged_already_stops_the_backup(registry: Registry, tmp_path: Path) -> None:
    """It is told before the good copy of last week is thrown away."""
    flip(next((tmp_path / "data" / "photos").glob("??/*")))
    with pytest.raises(BackupUnusable, match="damaged"):
        back_up(registry, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("what", ["tombstone risen", "label changed", "garment lost", "vectors changed"])
def test_verifying_finds_what_differs(registry: Registry, tmp_path: Path, what: str) -> None:
    """Even where every checksum of the files agrees: a snapshot that was written wrong."""
    assert isinstance(registry._vectors, Shards)
    registry.delete("SKU-2", "A")
    blocks = sorted(registry._vectors.blocks(), key=lambda entry: -entry[1].dead)
    block = blocks[0][1]
    assert block.dead == 1
    alive, labels, rows = block.alive.copy(), block.labels, block.rows
    if what == "tombstone risen":
        alive[:] = True
    elif what == "garment lost":
        alive[-1] = False
    elif what == "label changed":
        labels = dataclasses.replace(labels, seller_keys=labels.seller_keys + 1)
    else:
        rows = LooseRows(rows.codes()[::-1].copy())
    wrong = [(blocks[0][0], Block.made(rows, labels, np.asarray(alive))), *blocks[1:]]
    catalogue, snapshots = registry._catalogue, Snapshots(tmp_path / "data" / "snapshots")
    moment = catalogue.moment(registry.sequence)
    assert moment is not None
    snapshots.publish(wrong, 128, MODELS_VERSION, moment)
    findings = {finding.name: finding for finding in verify(catalogue, snapshots, MODELS_VERSION)}
    assert not all(finding.agrees for finding in findings.values())
    if what in ("tombstone risen", "garment lost"):
        assert not findings["start"].agrees, "a count that differs is not served"
    else:
        assert not findings["checksum of all rows and labels"].agrees


def test_a_record_in_postgresql_is_backed_up_beside(postgres: Cluster, tmp_path: Path) -> None:
    """pg_dump copies the record; photos and snapshot are as ever, and fit it."""
    url = postgres.new_database()
    registry = Registry(url, tmp_path / "data", MODELS_VERSION)
    registry.start()
    for seed in range(5):
        registry.add(make_new_photo(seed), make_photo_bytes(seed))
    back_up(registry, tmp_path / "backup")
    registry.close()
    assert check_backup(tmp_path / "backup").record is None
    with pytest.raises(BackupUnusable, match="PostgreSQL"):
        restore_backup(tmp_path / "backup", tmp_path / "new", tmp_path / "new" / "record.db")
    restore_backup(tmp_path / "backup", tmp_path / "new", None)
    again = Registry(url, tmp_path / "new", MODELS_VERSION)
    again.start()
    assert (again._live.started_from is not None, again.stats().searchable) == (True, 5)
    again.close()


def test_an_empty_index_can_be_backed_up(tmp_path: Path) -> None:
    """And restored, and be added to."""
    registry = open_registry(tmp_path / "data")
    back_up(registry, tmp_path / "backup")
    registry.close()
    restored = restore(tmp_path / "backup", tmp_path / "new")
    restored.add(make_new_photo(1), make_photo_bytes(1))
    assert restored.stats().searchable == 1
    restored.close()
