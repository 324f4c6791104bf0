"""What other processes commit is searched within a moment, and how far behind that is, is known."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from index.catalogue import Catalogue
from index.errors import IndexUnavailable
from index.registry import Registry
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.waiting import wait_for


def found(registry: Registry, seed: int) -> list[str]:
    return [hit.item_id for hit in registry.search(make_query(make_garment(seed), min_score=0.9))]


def open_registry(folder: Path, follow_every_s: float) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION, follow_every_s=follow_every_s)
    registry.start()
    return registry


def test_a_replica_finds_what_another_adds_and_forgets_what_it_deletes(tmp_path: Path) -> None:
    """Without being asked anything."""
    ours, theirs = open_registry(tmp_path, 0.05), open_registry(tmp_path, 0.05)
    theirs.add(make_new_photo(1), make_photo_bytes(1))
    wait_for(lambda: found(ours, 1) == ["SKU-1"])
    wait_for(lambda: ours.staleness.changes == 0)
    theirs.delete("SKU-1")
    wait_for(lambda: found(ours, 1) == [])
    for registry in (ours, theirs):
        registry.close()


def test_staleness_grows_while_the_record_cannot_be_asked_and_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log when it begins and one when it ends; the follower lives on, whatever was raised."""
    caplog.set_level(logging.INFO, "index.following")
    registry = open_registry(tmp_path, 0.02)
    with monkeypatch.context() as patched:

        def fail(_self: Catalogue) -> int:
            raise IndexUnavailable("the record is away")

        patched.setattr(Catalogue, "last_sequence", fail)
        wait_for(lambda: registry.staleness.seconds > 0.3)
        patched.setattr(Catalogue, "last_sequence", lambda _: 1 / 0)
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
    wait_for(lambda: registry.staleness.seconds < 0.3)
    assert caplog.text.count("the record is away") == 1
    wait_for(lambda: "followed again" in caplog.text)
    registry.close()


def test_changes_behind_are_counted_before_they_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that cannot keep up says by how much."""
    ours, theirs = open_registry(tmp_path, 0.02), open_registry(tmp_path, 600)
    with monkeypatch.context() as patched:
        patched.setattr(ours._live, "catch_up", lambda: time.sleep(0.02))
        for seed in range(3):
            theirs.add(make_new_photo(seed), make_photo_bytes(seed))
        wait_for(lambda: ours.staleness.changes == 3)
    wait_for(lambda: ours.staleness.changes == 0)
    for registry in (ours, theirs):
        registry.close()
