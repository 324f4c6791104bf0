"""A search beside a rebuild from the record: refused, never answered from a part of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import IndexUnavailable
from index.prints import PrintIndex
from index.registry import Registry
from index.shards import Shards
from index.types import Filters
from index.vectors import Designs
from models.fingerprint import FINGERPRINT_BYTES, ORIENTATIONS
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.waiting import WITHIN_S, wait_for

ITEMS = 12
NEAREST = "nearest"


class Paused:
    """A look at the index that stops before it begins, until `go_on` is set."""

    def __init__(self, patched: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        original = getattr(owner, name)

        def look(*arguments: Any, **named: Any) -> Any:
            self.begun.set()
            assert self.go_on.wait(WITHIN_S)
            return original(*arguments, **named)

        patched.setattr(owner, name, look)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, snapshot_every=0)
    opened.start()
    for seed in range(ITEMS):
        opened.add(make_new_photo(seed), make_photo_bytes(seed))
    yield opened
    opened.close()


def ask(registry: Registry, what: str) -> int:
    """How many answers there are."""
    if what == NEAREST:
        return len(registry.search(make_query(make_garment(1), top_k=ITEMS)))
    hashes = (bytes(range(FINGERPRINT_BYTES)),) * ORIENTATIONS
    return len(registry.search_prints((hashes, hashes), 31, Filters()))


@pytest.mark.parametrize("rebuilt", ["in part", "wholly"])
@pytest.mark.parametrize(("what", "owner"), [(NEAREST, Shards), ("near", PrintIndex)])
def test_a_search_that_began_before_a_rebuild_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, what: str, owner: type, rebuilt: str
) -> None:
    """It was told that the index is ready, and would see half of the garments, or none: "clear" would be wrong."""
    whole, designs_of = ask(registry, what), registry._catalogue.designs
    rest = threading.Event()

    def in_two_halves(version: str) -> Iterator[tuple[int, Designs]]:
        for sequence, designs in designs_of(version):
            first = np.arange(len(designs)) < len(designs) // 2
            yield sequence, designs.where(first)
            assert rebuilt == "wholly" or rest.wait(WITHIN_S)
            yield sequence, designs.where(~first)

    monkeypatch.setattr(registry._catalogue, "designs", in_two_halves)
    with ThreadPoolExecutor(2) as threads:
        with monkeypatch.context() as patched:
            paused = Paused(patched, owner, what)
            searching = threads.submit(ask, registry, what)
            assert paused.begun.wait(WITHIN_S)
            rebuilding = threads.submit(registry._live.rebuild)
            if rebuilt == "in part":
                wait_for(lambda: len(registry._vectors) == ITEMS // 2)
            else:
                rebuilding.result(WITHIN_S)
            paused.go_on.set()
            with pytest.raises(IndexUnavailable, match="rebuilt"):
                searching.result(WITHIN_S)
        if rebuilt == "in part":
            with pytest.raises(IndexUnavailable, match="rebuilt"):
                ask(registry, what)
        rest.set()
        rebuilding.result(WITHIN_S)
    assert (registry.ready, ask(registry, what)) == (True, whole)
    assert what != NEAREST or whole == ITEMS
