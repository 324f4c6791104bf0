"""kill -9 between any two steps of a snapshot or a compaction: the old one is there, or the new one, and whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import index.snapshot
from index.catalogue import Catalogue
from index.durable_files import SWEPT_AFTER_S, UNFINISHED
from index.errors import LeaseHeld
from index.manifest import Manifest
from index.registry import Registry
from index.segments import SealedRows
from index.shards import Shards
from index.snapshot import KEPT, Snapshots, check_files
from index.types import Filters
from index.verification import tombstones, verify
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"index.shards.LOOSE_ROWS": 4, "index.snapshot.LOOSE_ROWS": 4, "index.shards.SEGMENT_ROWS": 16}
MASKS = (31, 31, 31, 7)
ITEMS = 32
DEAD_BEFORE, DEAD_SINCE = (9, 11), (10,)
"""Deleted before the old snapshot, and since; few enough of their blocks to stay there as tombstones."""
Answers = list[list[tuple[str, float]]]

# What of the writing dies, when, at which call. Up to and with "not named" the old snapshot is the latest.
POINTS: Mapping[str, tuple[Any, str, str, int]] = {
    "vectors of the first block written, not its labels": (SealedRows, "write", "after", 1),
    "the first block's files written": (index.snapshot, "_write_block", "after", 1),
    "all blocks written, no manifest": (Manifest, "write", "before", 1),
    "the manifest written, nothing synced": (Manifest, "write", "after", 1),
    "all on disk, not named": (Path, "rename", "before", 1),
    "named, its folder not synced": (Path, "rename", "after", 1),
    "named, older ones there": (Snapshots, "discard", "before", 1),
    "an older one unnamed, not deleted": (shutil, "rmtree", "before", 1),
    "an older one deleted in part": (os, "unlink", "after", 1),
    "one older one gone": (Snapshots, "discard", "after", 1),
}
NAMED = frozenset(list(POINTS)[5:])
OPERATIONS = ("snapshot", "compact")


def started(folder: Path) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION, snapshot_every=0)
    registry.start()
    return registry


def shards_of(registry: Registry) -> Shards:
    assert isinstance(registry._vectors, Shards)
    return registry._vectors


def write(registry: Registry, operation: str) -> None:
    """What upkeep does now and then, or `selvedge index compact`."""
    if operation == "compact":
        shards_of(registry).compact()
    registry._live.write_snapshot(kept=1 if operation == "compact" else KEPT)


def make_small(patched: pytest.MonkeyPatch) -> None:
    for name, rows in SMALL.items():
        patched.setattr(name, rows)


def die_at(folder: Path, operation: str, point: str) -> None:
    """Runs in a process of its own, which is killed at the point."""
    owner, step, when, wanted = POINTS[point]
    original, calls = getattr(owner, step), iter(range(1, 1000))

    def killed(*arguments: Any, **named: Any) -> Any:
        dies = next(calls) == wanted
        answer = original(*arguments, **named) if when == "after" or not dies else None
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    make_small(pytest.MonkeyPatch())
    registry = started(folder)
    assert registry._live.started_from is not None
    setattr(owner, step, killed)
    write(registry, operation)


def answers_of(registry: Registry) -> Answers:
    """A search for every garment that is or was registered, for each tenant."""
    queries = (
        make_query(make_garment(seed, mask=MASKS[seed % 4]), top_k=5, filters=Filters(tenant=tenant))
        for seed in range(ITEMS + 2)
        for tenant in "AB"
    )
    return [[(hit.item_id, hit.score) for hit in registry.search(query)] for query in queries]


def add(registry: Registry, seed: int) -> None:
    registry.add(make_new_photo(seed, tenant="AB"[seed % 2], mask=MASKS[seed % 4]), make_photo_bytes(seed))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Answers]]:
    """Two snapshots of sealed rows and tombstones, and changes since; what is to be answered."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patched:
        make_small(patched)
        registry = started(folder)
        for seed in range(ITEMS):
            add(registry, seed)
        registry._live.write_snapshot()
        for seed in DEAD_BEFORE:
            registry.delete(f"SKU-{seed}", "AB"[seed % 2])
        registry._live.write_snapshot()
        for seed in DEAD_SINCE:
            registry.delete(f"SKU-{seed}", "AB"[seed % 2])
        add(registry, ITEMS)
        answers = answers_of(registry)
        registry.close()
        yield folder, answers


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_amid_a_snapshot_leaves_the_old_or_the_new(
    filled: tuple[Path, Answers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, operation: str
) -> None:
    """Mapped by the next start, whole, with the same answers; the next one puts away what the crash left."""
    make_small(monkeypatch)
    folder, answers = tmp_path / "data", filled[1]
    shutil.copytree(filled[0], folder)
    snapshots = Snapshots(folder / "snapshots")
    old = snapshots.paths()
    assert (len(old), Manifest.read(old[0]).dead) == (2, len(DEAD_BEFORE))
    code = (
        f"from tests.index.test_snapshot_crash_points import *; die_at(Path({str(folder)!r}), {operation!r}, {point!r})"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL

    registry = started(folder)
    latest = registry._live.started_from
    assert latest is not None
    assert (latest == snapshots.paths()[0], latest in old) == (True, point not in NAMED)
    check_files(latest, Manifest.read(latest))
    dead = 0 if operation == "compact" and point in NAMED else len(DEAD_BEFORE) + len(DEAD_SINCE)
    assert len(tombstones(shards_of(registry))) == dead
    assert any(type(block.rows) is SealedRows for _, block in shards_of(registry).blocks())
    assert (answers_of(registry), registry.stats().searchable) == (answers, ITEMS + 1 - 3)
    catalogue = Catalogue(f"sqlite:///{folder}/record.db")
    findings = verify(catalogue, snapshots, MODELS_VERSION)
    catalogue.close()
    assert [finding for finding in findings if not finding.agrees] == []
    puts_away_what_is_left(registry, snapshots, operation)
    registry.close()


def puts_away_what_is_left(registry: Registry, snapshots: Snapshots, operation: str) -> None:
    """Once the lease of the dead has run out and an hour has passed."""
    with pytest.raises(LeaseHeld):
        write(registry, operation)
    with registry._catalogue._database.writing() as connection:
        connection.execute(text("UPDATE leases SET expires_at = 0"))
    long_ago = time.time() - SWEPT_AFTER_S - 1
    for left in snapshots.folder.glob(f"{UNFINISHED}*"):
        os.utime(left, (long_ago, long_ago))
    write(registry, operation)
    assert list(snapshots.folder.glob(f"{UNFINISHED}*")) == []
    assert len(snapshots.paths()) == (1 if operation == "compact" else KEPT)
