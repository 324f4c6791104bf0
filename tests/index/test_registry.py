"""The one object that the service holds: what it acknowledges is durable and found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import EmbeddingMismatch, IndexUnavailable, InvalidQuery, ItemNotFound
from index.registry import Registry
from index.types import Filters, ItemDetails, NewPhoto
from models.types import DescribedGarment
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query, make_weights


def open_registry(folder: Path, models_version: str = MODELS_VERSION, follow_every_s: float = 0.25) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, models_version, follow_every_s=follow_every_s)
    registry.start()
    return registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = open_registry(tmp_path)
    yield opened
    opened.close()


def add(registry: Registry, seed: int, **changes: Any) -> str:
    photo = make_new_photo(seed, **changes)
    return registry.add(photo, make_photo_bytes(seed)).photo_id


def found(registry: Registry, garment: DescribedGarment, **changes: Any) -> list[str]:
    """Items that are all but the same design."""
    return [hit.item_id for hit in registry.search(make_query(garment, min_score=0.9, **changes))]


def stored_files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "photos").rglob("*") if path.is_file()}


def test_what_was_added_is_found_by_the_next_search(registry: Registry) -> None:
    """And its photo is read back as it was uploaded."""
    photo_id = add(registry, 1)
    assert found(registry, make_garment(1)) == ["SKU-1"]
    assert registry.photo_bytes("SKU-1", photo_id) == make_photo_bytes(1)
    assert (registry.sequence, registry.stale) == (1, False)


def test_what_was_deleted_is_not(registry: Registry, tmp_path: Path) -> None:
    """Neither the item nor its photo, unless another item has the same one."""
    add(registry, 1)
    registry.add(make_new_photo(2, photo_seed=1), make_photo_bytes(1))
    photo_id = registry.get("SKU-2").photos[0].photo_id
    registry.delete("SKU-1")
    assert found(registry, make_garment(1)) == []
    assert registry.photo_bytes("SKU-2", photo_id) == make_photo_bytes(1)
    registry.delete("SKU-2")
    assert stored_files(tmp_path) == set()
    with pytest.raises(ItemNotFound):
        registry.photo_bytes("SKU-2", photo_id)


def test_a_replaced_photo_is_found_no_more(registry: Registry, tmp_path: Path) -> None:
    """The new one is, and only its bytes are kept."""
    add(registry, 1)
    add(registry, 2, item_id="SKU-1")
    assert found(registry, make_garment(1)) == found(registry, make_garment(2)) == ["SKU-1"]
    add(registry, 3, item_id="SKU-1", replace=True)
    assert found(registry, make_garment(1)) == found(registry, make_garment(2)) == []
    assert found(registry, make_garment(3)) == ["SKU-1"]
    assert stored_files(tmp_path) == {make_new_photo(3).sha256}


def test_a_patched_seller_is_excluded_at_once(registry: Registry) -> None:
    """The index follows details that filter."""
    add(registry, 1, details=ItemDetails(seller_id="s1"))
    registry.patch("SKU-1", ItemDetails(seller_id="s2"))
    assert found(registry, make_garment(1), filters=Filters(exclude_seller_id="s1")) == ["SKU-1"]
    assert found(registry, make_garment(1), filters=Filters(exclude_seller_id="s2")) == []


def test_a_restart_gives_the_same_answers(registry: Registry, tmp_path: Path) -> None:
    """Items, scores, order and sequence."""
    for seed in range(40):
        add(registry, seed, mask=31 if seed % 3 else 7, details=ItemDetails(seller_id=f"s{seed % 4}"))
    registry.delete("SKU-5")
    add(registry, 50, item_id="SKU-6", replace=True)
    queries = [make_query(make_garment(seed), make_weights(seed)) for seed in range(0, 50, 7)]
    before = [[(hit.item_id, hit.score, hit.garment_id) for hit in registry.search(query)] for query in queries]
    registry.close()
    again = open_registry(tmp_path)
    assert [[(hit.item_id, hit.score, hit.garment_id) for hit in again.search(query)] for query in queries] == before
    assert (again.sequence, again.stats().searchable) == (42, 39)
    again.close()


def test_other_models_start_with_what_they_described(registry: Registry, tmp_path: Path) -> None:
    """What others described is counted, not searched; adding a photo again describes it beside that."""
    add(registry, 1)
    add(registry, 2)
    newer = open_registry(tmp_path, "newer models")
    assert (newer.stats().searchable, newer.stats().undescribed) == (0, 2)
    garment = make_garment(1, dimension=64)
    photo = make_new_photo(1, garments=(garment,), models_version="newer models")
    assert not newer.add(photo, make_photo_bytes(1)).created
    assert found(newer, garment, models_version="newer models") == ["SKU-1"]
    assert (newer.stats().searchable, newer.stats().undescribed) == (1, 1)
    assert [photo.models_version for photo in newer.get("SKU-1").photos] == [MODELS_VERSION]
    registry.catch_up()
    assert found(registry, make_garment(1)) == ["SKU-1"], "and is found by those of before as ever"
    newer.close()


def test_what_cannot_be_right_is_refused_before_anything_is_kept(registry: Registry, tmp_path: Path) -> None:
    """Embeddings of other models or another dimension, bytes of another photo."""
    add(registry, 1)
    with pytest.raises(EmbeddingMismatch):
        add(registry, 2, models_version="other")
    with pytest.raises(EmbeddingMismatch):
        add(registry, 2, dimension=64)
    with pytest.raises(InvalidQuery):
        registry.add(make_new_photo(2), make_photo_bytes(3))
    assert (registry.sequence, registry.stats().counts.items) == (1, 1)


def test_nothing_is_written_before_the_index_is_ready(tmp_path: Path) -> None:
    """What could not be searched is not acknowledged."""
    registry = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION)
    readiness = [registry.ready]
    with pytest.raises(IndexUnavailable):
        add(registry, 1)
    assert registry.list().items == ()
    registry.start()
    assert [*readiness, registry.ready] == [False, True]
    registry.close()


def test_two_processes_share_a_record(tmp_path: Path) -> None:
    """Each searches its own adds at once, and the other's once it catches up."""
    registry, other = open_registry(tmp_path, follow_every_s=600), open_registry(tmp_path, follow_every_s=600)
    add(registry, 1)
    add(other, 2)
    assert found(other, make_garment(1)) == ["SKU-1"], "its own add brought it up to date"
    assert registry.stale
    registry.catch_up()
    assert found(registry, make_garment(2)) == ["SKU-2"]
    for one in (registry, other):
        one.close()


def test_the_same_photo_from_many_threads_is_created_once(registry: Registry) -> None:
    """Whoever comes first; all see it."""
    photo = make_new_photo(1)

    def register(_: int) -> tuple[bool, list[str]]:
        created = registry.add(photo, make_photo_bytes(1)).created
        return created, found(registry, make_garment(1))

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(register, range(16)))
    assert sum(created for created, _ in answers) == 1
    assert all(items == ["SKU-1"] for _, items in answers)
    assert registry.stats().searchable == 1


def test_searches_beside_adds_and_deletes_stay_right(registry: Registry) -> None:
    """What is there all along is always found, what was acknowledged is found at once, what was deleted never again."""
    for seed in range(20):
        add(registry, seed)
    wrong: list[str] = []
    done = threading.Event()

    def watch(seed: int) -> None:
        while not done.is_set():
            if found(registry, make_garment(seed)) != [f"SKU-{seed}"]:
                wrong.append(f"SKU-{seed} was missed")

    def come_and_go(first: int) -> None:
        for seed in range(first, first + 12):
            add(registry, seed)
            if found(registry, make_garment(seed)) != [f"SKU-{seed}"]:
                wrong.append(f"SKU-{seed} was acknowledged and not found")
            registry.delete(f"SKU-{seed}")
            if found(registry, make_garment(seed)):
                wrong.append(f"SKU-{seed} was deleted and found")

    watchers = [threading.Thread(target=watch, args=(seed,)) for seed in (3, 17)]
    writers = [threading.Thread(target=come_and_go, args=(first,)) for first in (100, 200, 300)]
    for thread in watchers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in watchers:
        thread.join()
    assert wrong == []
    assert registry.stats().searchable == 20


def test_a_photo_deleted_beside_its_own_add_is_whole_or_gone(registry: Registry) -> None:
    """Two items with the same bytes, one deleted while the other is added: the bytes of the survivor are there."""
    for round_ in range(15):
        photo: NewPhoto = make_new_photo(round_, item_id=f"GOES-{round_}")
        registry.add(photo, make_photo_bytes(round_))
        stays = make_new_photo(round_, item_id=f"STAYS-{round_}")
        with ThreadPoolExecutor(2) as threads:
            deleting = threads.submit(registry.delete, f"GOES-{round_}")
            added = threads.submit(registry.add, stays, make_photo_bytes(round_)).result()
            deleting.result()
        assert registry.photo_bytes(f"STAYS-{round_}", added.photo_id) == make_photo_bytes(round_)


def test_stats_put_the_record_and_the_index_side_by_side(registry: Registry) -> None:
    """They agree when nothing is behind."""
    add(registry, 1, garments=(make_garment(1), make_garment(2)))
    add(registry, 3, garments=(make_garment(3, mask=0),))
    stats = registry.stats()
    assert (stats.counts.items, stats.counts.photos, stats.counts.garments, stats.searchable) == (2, 2, 3, 2)
    assert (stats.models_version, stats.sequence, stats.ready, stats.stale) == (MODELS_VERSION, 2, True, False)
    assert np.isfinite([hit.score for hit in registry.search(make_query(make_garment(1)))]).all()
