"""What goes on beside searches goes on whatever fails, and ends only when it is told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import faiss
import pytest

import index.upkeep
from index.registry import Registry
from index.snapshot import Snapshots
from tests.factories import MODELS_VERSION, make_new_photo, make_photo_bytes
from tests.waiting import wait_for

EVERY = 5
"""Changes between two snapshots."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setattr(index.upkeep, "TRY_AGAIN_S", 0.01)
    opened = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, snapshot_every=EVERY)
    yield opened
    opened.close()


def add(registry: Registry, first: int) -> None:
    for seed in range(first, first + EVERY):
        registry.add(make_new_photo(seed), make_photo_bytes(seed))


def test_a_disk_that_was_full_once_gets_its_snapshot_later(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FAISS says so in its own way; nothing is left of the attempt, and the next one succeeds."""
    snapshots, refused = Snapshots(tmp_path / "snapshots"), threading.Event()

    def refuse(*_: object) -> None:
        refused.set()
        raise RuntimeError("write error: 4015 != 640000 (No space left on device)")

    registry.start()
    with monkeypatch.context() as patched:
        patched.setattr(faiss, "write_index", refuse)
        add(registry, 0)
        assert refused.wait(30)
        wait_for(lambda: "could not write a snapshot: write error" in caplog.text)
    assert list(snapshots.folder.iterdir()) == []
    add(registry, EVERY)
    wait_for(lambda: bool(snapshots.paths()))


def test_a_failure_that_nobody_thought_of_stops_nothing(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with where it came from; what comes after it in the same thread is done."""

    def fail() -> None:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(registry._live, "check_snapshot", lambda _: fail())
    monkeypatch.setattr(registry._photos, "sweep", lambda *_, **__: fail())
    registry.start()
    add(registry, 0)
    wait_for(lambda: bool(Snapshots(tmp_path / "snapshots").paths()))
    told = [(record.levelno, record.getMessage()) for record in caplog.records if record.exc_info]
    assert told == [(logging.ERROR, "could not check the snapshot"), (logging.ERROR, "could not sweep the photos")]


def test_closing_ends_it_amid_whatever_it_does(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that would never be finished is given up, not tried again."""
    begun = threading.Event()

    def write_for_ever(tick: object, behind: int) -> Path:
        assert callable(tick)
        begun.set()
        while True:
            tick()

    monkeypatch.setattr(registry._live, "write_snapshot", write_for_ever)
    registry.start()
    add(registry, 0)
    assert begun.wait(30)
    registry._upkeep.stop()
    assert not registry._upkeep._thread.is_alive()
