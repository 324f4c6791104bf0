"""An older record restored beside a surviving data dir: snapshots of what came after it are in nobody's way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.catalogue import Catalogue
from index.live import LiveIndex
from index.manifest import MANIFEST
from index.shards import Shards
from index.snapshot import Snapshots
from tests.factories import MODELS_VERSION, make_new_photo


@contextmanager
def started(folder: Path, models_version: str = MODELS_VERSION) -> Iterator[LiveIndex]:
    shards, catalogue = Shards(1), Catalogue(f"sqlite:///{folder}/record.db")
    live = LiveIndex(catalogue, shards, models_version, Snapshots(folder / "snapshots"))
    live.load()
    yield live
    shards.close()
    catalogue.close()


def add(live: LiveIndex, *seeds: int) -> None:
    for seed in seeds:
        live._catalogue.add(make_new_photo(seed))
    live.catch_up()


@pytest.fixture
def went_back(tmp_path: Path) -> Path:
    """A data dir with a snapshot of change 2 and three of later ones, one of them of other models; the record ends
    with change 3."""
    with started(tmp_path) as live:
        add(live, 0, 1)
        live.write_snapshot()
        add(live, 2)
    shutil.copy(tmp_path / "record.db", tmp_path / "older.db")
    with started(tmp_path) as live, started(tmp_path, "other models") as other:
        add(live, 3, 4, 5)
        other.catch_up()
        other.write_snapshot()
        live.write_snapshot(kept=3)
        live.write_snapshot(kept=3)
    for file in tmp_path.glob("record.db*"):
        file.unlink()
    shutil.copy(tmp_path / "older.db", tmp_path / "record.db")
    return tmp_path


@pytest.mark.parametrize("more", [1, 3, 6])
def test_new_snapshots_are_written_and_used_at_the_next_start(went_back: Path, more: int) -> None:
    """Whether the record has fewer changes than the abandoned snapshots, as many, or more."""
    with started(went_back) as live:
        add(live, *range(10, 10 + more))
        written = live.write_snapshot(behind=2)
        assert written == Snapshots(went_back / "snapshots").paths()[0]
    with started(went_back) as live:
        assert (live.started_from, len(live)) == (written, 3 + more)


def test_only_what_the_record_does_not_hold_is_taken_away(went_back: Path) -> None:
    """The one of before stays to fall back to; what cannot be read is judged by nobody; once is enough."""
    snapshots = Snapshots(went_back / "snapshots")
    (snapshots.paths()[0] / MANIFEST).write_text("")
    before = snapshots.paths()
    with started(went_back) as live:
        assert snapshots.discard_abandoned(live._catalogue.moment) == 2
        assert snapshots.discard_abandoned(live._catalogue.moment) == 0
    assert snapshots.paths() == [before[0], before[-1]]
