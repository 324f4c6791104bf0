"""kill -9 between any two writes of one add, delete or change: the old or the new is there, whole, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import index.photos
import index.registering
import index.writing
from index.catalogue import Catalogue
from index.errors import ItemNotFound
from index.photos import SWEPT_AFTER_S, PhotoFiles
from index.registry import Registry
from index.shards import Shards
from index.snapshot import Snapshots
from index.types import ItemDetails
from index.verification import verify
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
State = Mapping[str, tuple[str | None, list[int]]]
"""Item id → its title, and the seeds of its photos."""

OLD: State = {"SKU-1": (None, [1, 2]), "SKU-2": (None, [2, 3])}
"""Both have photo 2: what one forgets stays the other's."""
NEW: Mapping[str, State] = {
    "add": {**OLD, "SKU-1": (None, [5])},
    "delete": {"SKU-2": OLD["SKU-2"]},
    "change": {**OLD, "SKU-1": ("new", [1, 2])},
}

# Operation, what of it dies, and when. Up to and with "not committed" it is as if nobody had asked.
POINTS: Mapping[str, tuple[str, Any, str, str]] = {
    "photo half written": ("add", os, "fsync", "before"),
    "photo named, its folder not synced": ("add", index.photos, "_sync_folder", "before"),
    "photo written, not recorded": ("add", Catalogue, "add", "before"),
    "add written, not committed": ("add", index.registering, "append_change", "after"),
    "recorded, not searched": ("add", Catalogue, "add", "after"),
    "searched, old photos not deleted": ("add", PhotoFiles, "discard", "before"),
    "one old photo deleted, another not": ("add", PhotoFiles, "discard", "after"),
    "delete asked, nothing done": ("delete", Catalogue, "delete", "before"),
    "rows deleted, no change logged": ("delete", index.writing, "append_change", "before"),
    "delete written, not committed": ("delete", index.writing, "append_change", "after"),
    "forgotten, nothing else": ("delete", Catalogue, "delete", "after"),
    "forgotten, vectors still there": ("delete", Shards, "settle", "before"),
    "forgotten, vectors gone": ("delete", Shards, "settle", "after"),
    "vectors gone, photos not": ("delete", PhotoFiles, "discard", "before"),
    "one photo gone, another not": ("delete", PhotoFiles, "discard", "after"),
    "change asked, nothing done": ("change", Catalogue, "patch", "before"),
    "change written, not committed": ("change", index.writing, "append_change", "after"),
    "changed, labels still the old": ("change", Shards, "settle", "before"),
    "changed, not answered": ("change", Shards, "settle", "after"),
}
UNDONE = frozenset(list(POINTS)[:4] + [name for name in POINTS if name.startswith(("delete", "rows", "change "))])
ON_POSTGRESQL = ("recorded, not searched", "forgotten, vectors still there")


def started(url: str, folder: Path) -> Registry:
    registry = Registry(url, folder, MODELS_VERSION)
    registry.start()
    return registry


def ask(registry: Registry, operation: str) -> None:
    """What a caller asks for; once more where it has heard nothing."""
    if operation == "add":
        registry.add(make_new_photo(5, "SKU-1", replace=True), make_photo_bytes(5))
    elif operation == "change":
        registry.patch("SKU-1", ItemDetails(title="new"))
    else:
        registry.delete("SKU-1")


def die_at(url: str, folder: Path, point: str) -> None:
    """Runs in a process of its own, which is killed at the point."""
    operation, owner, step, when = POINTS[point]
    original = getattr(owner, step)

    def killed(*arguments: Any, **named: Any) -> Any:
        answer = original(*arguments, **named) if when == "after" else None
        os.kill(os.getpid(), signal.SIGKILL)
        return answer

    registry = started(url, folder)
    setattr(owner, step, killed)
    ask(registry, operation)


def state_of(registry: Registry) -> State:
    """What is registered; every photo has its bytes, and a search for it finds whoever has it, once each."""
    seed_of = {make_new_photo(seed).sha256: seed for seed in range(10)}
    items = {item.item_id: item for item in registry.list(limit=100).items}
    places: dict[int, list[tuple[str, str]]] = {seed: [] for seed in (1, 2, 3, 5)}
    for item_id, item in items.items():
        for photo in item.photos:
            seed = seed_of[photo.sha256]
            assert registry.photo_bytes(item_id, photo.photo_id) == make_photo_bytes(seed)
            places[seed].append((item_id, photo.photo_id))
    for seed, owners in places.items():
        hits = registry.search(make_query(make_garment(seed), min_score=0.9))
        assert sorted((hit.item_id, hit.photo_id) for hit in hits) == sorted(owners), seed
    assert registry.stats().searchable == sum(len(owners) for owners in places.values())
    return {
        item_id: (item.details.title, [seed_of[photo.sha256] for photo in item.photos])
        for item_id, item in items.items()
    }


def files_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "photos").rglob("*") if path.is_file()}


def crash(url: str, folder: Path, point: str) -> None:
    """A record with a snapshot, and a process that dies at the point of one operation on it."""
    registry = started(url, folder)
    for item_id, (_, seeds) in OLD.items():
        for seed in seeds:
            registry.add(make_new_photo(seed, item_id), make_photo_bytes(seed))
    registry._live.write_snapshot()
    assert state_of(registry) == OLD
    registry.close()
    code = f"from tests.index.test_crash_points import *; die_at({url!r}, Path({str(folder)!r}), {point!r})"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL


def start_swept(url: str, folder: Path, wanted: set[str]) -> Registry:
    """A start more than an hour later: what the crash left of photos is swept by it, and nothing else."""
    long_ago = time.time() - SWEPT_AFTER_S - 1
    for path in (folder / "photos").glob("??/*"):
        os.utime(path, (long_ago, long_ago))
    registry = started(url, folder)
    deadline = time.monotonic() + 30
    while files_in(folder) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    assert files_in(folder) == wanted
    return registry


def holds_after(url: str, folder: Path, point: str) -> None:
    """The old or the new, from the snapshot as from the record; asked again it is the new; no photo too many."""
    operation = POINTS[point][0]
    expected = OLD if point in UNDONE else NEW[operation]
    registry = started(url, folder)
    assert state_of(registry) == expected
    registry.close()
    catalogue = Catalogue(url)
    findings = verify(catalogue, Snapshots(folder / "snapshots"), MODELS_VERSION)
    catalogue.close()
    assert [finding for finding in findings if not finding.agrees] == []
    wanted = {make_new_photo(seed).sha256 for _, seeds in expected.values() for seed in seeds}
    registry = start_swept(url, folder, wanted)
    if operation == "delete" and expected is not OLD:
        with pytest.raises(ItemNotFound):
            ask(registry, operation)
    else:
        ask(registry, operation)
    assert state_of(registry) == NEW[operation]
    assert files_in(folder) == {make_new_photo(seed).sha256 for _, seeds in NEW[operation].values() for seed in seeds}
    registry.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_between_two_steps_leaves_the_old_or_the_new(tmp_path: Path, point: str) -> None:
    """On SQLite, at every point."""
    url = f"sqlite:///{tmp_path}/record.db"
    crash(url, tmp_path, point)
    holds_after(url, tmp_path, point)


@pytest.mark.parametrize("point", ON_POSTGRESQL)
def test_so_it_is_on_postgresql(postgres: Cluster, tmp_path: Path, point: str) -> None:
    """Whose transaction ends with the connection, not with a file's lock."""
    url = postgres.new_database()
    crash(url, tmp_path, point)
    holds_after(url, tmp_path, point)
