"""Vectors that an engine keeps follow the record: by whoever takes a turn, from where they were, or built anew."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.catalogue import Catalogue
from index.errors import IndexUnavailable, LeaseLost
from index.leases import HeldLease
from index.registry import Registry
from index.types import Filters, ItemDetails
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query, make_weights
from tests.milvus import INSTALLED, new_prefix, open_milvus
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(not INSTALLED, reason="needs the extra [milvus]: make test-scale")


@pytest.fixture
def prefix() -> str:
    return new_prefix()


def open_registry(folder: Path, prefix: str, version: str = MODELS_VERSION, follow_every_s: float = 600) -> Registry:
    vectors = open_milvus(prefix, version)
    registry = Registry(f"sqlite:///{folder}/record.db", folder, version, vectors, follow_every_s=follow_every_s)
    registry.start()
    return registry


@pytest.fixture
def registry(tmp_path: Path, prefix: str) -> Iterator[Registry]:
    opened = open_registry(tmp_path, prefix)
    yield opened
    opened.close()


def add(registry: Registry, seed: int, **changes: Any) -> None:
    registry.add(make_new_photo(seed, **changes), make_photo_bytes(seed))


def found(registry: Registry, seed: int, **changes: Any) -> list[str]:
    """Items that are all but the same design."""
    return [hit.item_id for hit in registry.search(make_query(make_garment(seed), min_score=0.9, **changes))]


def collections(prefix: str) -> list[str]:
    vectors = open_milvus(prefix)
    names = vectors._collections.names(prefix)
    vectors.close()
    return names


def test_what_is_added_is_found_and_what_is_deleted_replaced_or_moved_is_not(registry: Registry) -> None:
    """By the very next search, whatever the change was."""
    add(registry, 1, details=ItemDetails(seller_id="s1"))
    add(registry, 2)
    assert (found(registry, 1), found(registry, 2)) == (["SKU-1"], ["SKU-2"])
    registry.patch("SKU-1", ItemDetails(seller_id="s2"))
    assert found(registry, 1, filters=Filters(exclude_seller_id="s1")) == ["SKU-1"]
    assert found(registry, 1, filters=Filters(exclude_seller_id="s2")) == []
    add(registry, 3, item_id="SKU-2", replace=True)
    assert (found(registry, 2), found(registry, 3)) == ([], ["SKU-2"])
    registry.delete("SKU-1")
    assert found(registry, 1) == []
    assert (registry.searchable, registry.sequence, registry.stale) == (1, 5, False)


def test_hits_carry_the_cosines_that_the_record_gives(registry: Registry, tmp_path: Path) -> None:
    """Any weights, missing regions: item by item, region by region, what the shards answer over the same record."""
    for seed in range(30):
        add(registry, seed, mask=(31, 31, 7, 3)[seed % 4])
    plain = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, snapshot_every=0)
    plain.start()
    for seed in range(0, 30, 5):
        query = make_query(make_garment(seed), make_weights(seed), top_k=10)
        ours, theirs = registry.search(query), plain.search(query)
        assert [hit.item_id for hit in ours] == [hit.item_id for hit in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.score == other.score
            np.testing.assert_array_equal(one.cosines, other.cosines)
    plain.close()


def test_a_start_reads_only_what_came_since(
    registry: Registry, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record as a whole is not read again, and the answers are the same."""
    for seed in range(8):
        add(registry, seed)
    registry.close()
    Catalogue(f"sqlite:///{tmp_path}/record.db").add(make_new_photo(9))
    monkeypatch.setattr(Catalogue, "designs", lambda *_: pytest.fail("the whole record was read"))
    again = open_registry(tmp_path, prefix)
    assert (found(again, 3), found(again, 9), again.searchable) == (["SKU-3"], ["SKU-9"], 9)
    again.close()


def test_replicas_share_one_collection(registry: Registry, tmp_path: Path, prefix: str) -> None:
    """Each finds its own at once, and the other's within a moment; one collection holds each garment once."""
    other = open_registry(tmp_path, prefix, follow_every_s=0.02)
    add(registry, 1)
    wait_for(lambda: other.searchable == 1)
    assert found(other, 1) == ["SKU-1"]
    add(other, 2, mask=7)
    assert found(other, 2) == ["SKU-2"]
    registry.catch_up()
    assert found(registry, 2) == ["SKU-2"], "the mask that the other brought is asked for too"
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda seed: add((registry, other)[seed % 2], seed), range(10, 26)))
    for one in (registry, other):
        one.catch_up()
        assert all(found(one, seed) == [f"SKU-{seed}"] for seed in range(10, 26))
    assert (registry.searchable, other.searchable, len(collections(prefix))) == (18, 18, 1)
    other.close()


def test_a_change_that_was_written_and_not_noted_is_written_again(
    registry: Registry, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the two: nothing is doubled."""
    add(registry, 1)
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise IndexUnavailable("killed")

        patched.setattr(type(registry._vectors), "reach", fail)
        with pytest.raises(IndexUnavailable, match="killed"):
            add(registry, 2)
    registry.close()
    again = open_registry(tmp_path, prefix)
    assert (found(again, 2), again.searchable, again._vectors.counted()) == (["SKU-2"], 2, 2)  # type: ignore[attr-defined]
    again.close()


def test_a_turn_that_ended_too_late_is_taken_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was stopped in the middle may have written over what others wrote since: it reads the record again."""
    add(registry, 1)
    checks = iter([None, LeaseLost("it ran out")])

    def check(_self: HeldLease) -> None:
        if (error := next(checks, None)) is not None:
            raise error

    monkeypatch.setattr(HeldLease, "check", check)
    settled: list[list[int]] = []
    settle = type(registry._vectors).settle

    def watched(self: Any, item_numbers: Any, designs: Any) -> None:
        settled.append(item_numbers.tolist())
        settle(self, item_numbers, designs)

    monkeypatch.setattr(type(registry._vectors), "settle", watched)
    add(registry, 2)
    assert settled == [[2], [2]]
    assert (found(registry, 2), registry.sequence) == (["SKU-2"], 2)


def test_vectors_of_a_later_state_of_the_record_are_built_anew(registry: Registry, tmp_path: Path, prefix: str) -> None:
    """A record restored from a backup knows less; what it does not know is not found."""
    add(registry, 1)
    (tmp_path / "restored").mkdir()
    copied = Catalogue(f"sqlite:///{tmp_path}/record.db").copy_to(tmp_path / "restored" / "record.db")
    assert copied is not None
    add(registry, 2)
    before = collections(prefix)
    registry.close()
    older = open_registry(tmp_path / "restored", prefix)
    assert (found(older, 1), found(older, 2), older.searchable) == (["SKU-1"], [], 1)
    assert len(collections(prefix)) == 1 and collections(prefix) != before
    older.close()


def test_vectors_of_another_record_are_left_alone(registry: Registry, tmp_path: Path, prefix: str) -> None:
    """Two records with one prefix would else destroy each other's for ever."""
    add(registry, 1)
    (tmp_path / "other").mkdir()
    with pytest.raises(IndexUnavailable, match="another record: choose another prefix"):
        open_registry(tmp_path / "other", prefix)
    assert found(registry, 1) == ["SKU-1"]


def test_a_collection_that_lost_rows_is_built_anew_at_the_next_start(
    registry: Registry, tmp_path: Path, prefix: str
) -> None:
    """Counted by the engine, compared with the record."""
    for seed in range(4):
        add(registry, seed)
    vectors = open_milvus(prefix)
    vectors._collections.delete(collections(prefix)[0], np.array([2]))
    vectors.close()
    registry.close()
    again = open_registry(tmp_path, prefix)
    assert all(found(again, seed) == [f"SKU-{seed}"] for seed in range(4))
    again.close()


def test_a_collection_that_was_dropped_is_built_anew_beside_a_service_that_says_so(
    registry: Registry, prefix: str
) -> None:
    """Unready until then; found as before after it."""
    for seed in range(4):
        add(registry, seed)
    vectors = open_milvus(prefix)
    vectors._collections.drop(collections(prefix)[0])
    vectors.close()
    with pytest.raises(IndexUnavailable):
        registry.search(make_query(make_garment(1)))
    with pytest.raises(IndexUnavailable, match="built anew"):
        add(registry, 5)
    wait_for(lambda: registry.ready)
    assert all(found(registry, seed) == [f"SKU-{seed}"] for seed in (0, 1, 2, 3, 5))


def test_what_a_killed_builder_left_is_dropped_by_the_next(
    registry: Registry, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unfinished collection has no note, and is never searched."""
    for seed in range(3):
        add(registry, seed)
    registry.close()
    vectors = open_milvus(prefix)
    whole = collections(prefix)
    vectors._collections.drop(whole[0])
    vectors.begin(50)
    vectors.settle(
        np.array([1]), next(d for _, d in Catalogue(f"sqlite:///{tmp_path}/record.db").designs(MODELS_VERSION))
    )
    vectors.close()
    unfinished = collections(prefix)
    assert len(unfinished) == 1 and unfinished != whole
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    with monkeypatch.context() as patched:
        patched.setattr("index.milvus.MilvusVectors._name_of", lambda self, token: f"{self.name}_{token + 100:08d}")
        again = open_registry(tmp_path, prefix)
    assert len(collections(prefix)) == 1 and collections(prefix) != unfinished
    assert (again.searchable, found(again, 2)) == (3, ["SKU-2"])
    again.close()


def test_generations_lie_side_by_side(registry: Registry, tmp_path: Path, prefix: str) -> None:
    """What other models described has a collection of its own, also of another dimension."""
    add(registry, 1)
    newer = open_registry(tmp_path, prefix, "newer models")
    garment = make_garment(1, dimension=64)
    newer.add(make_new_photo(1, garments=(garment,), models_version="newer models"), make_photo_bytes(1))
    registry.catch_up()
    assert found(registry, 1) == ["SKU-1"]
    hits = newer.search(make_query(garment, min_score=0.9, models_version="newer models"))
    assert [hit.item_id for hit in hits] == ["SKU-1"]
    assert len(collections(prefix)) == 2
    assert newer._vectors.discard_others() == 1  # type: ignore[attr-defined]
    assert [hit.item_id for hit in newer.search(make_query(garment, models_version="newer models"))] == ["SKU-1"]
    newer.close()


def test_searches_beside_adds_and_deletes_stay_right(registry: Registry) -> None:
    """What is there all along is always found, what was acknowledged is found at once, what was deleted never again."""
    for seed in range(6):
        add(registry, seed)
    wrong: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if found(registry, 3) != ["SKU-3"]:
                wrong.append("SKU-3 was missed")

    def come_and_go(first: int) -> None:
        for seed in range(first, first + 5):
            add(registry, seed)
            if found(registry, seed) != [f"SKU-{seed}"]:
                wrong.append(f"SKU-{seed} was acknowledged and not found")
            registry.delete(f"SKU-{seed}")
            if found(registry, seed):
                wrong.append(f"SKU-{seed} was deleted and found")

    watcher = threading.Thread(target=watch)
    writers = [threading.Thread(target=come_and_go, args=(first,)) for first in (100, 200)]
    for thread in (watcher, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    watcher.join()
    assert wrong == []
    assert registry.searchable == 6
