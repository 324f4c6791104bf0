"""What is particular to the shards: sealing, merging, forgetting, and searching beside writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.blocks import FEW_BARRED, Block
from index.errors import IndexUnavailable
from index.in_memory import InMemoryVectors
from index.labels import Exclusions, Ids
from index.loose_rows import LooseRows
from index.sealing import sealing
from index.segments import QuantisedRows, SealedRows
from index.shards import LOOSE_ROWS, MOST_DEAD, Shards
from index.types import Query, Storage
from index.vectors import Designs
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from tests.factories import make_designs, make_garment, make_query, make_weights

ANY = Exclusions()
NO_DESIGNS = Designs.joined([])


@pytest.fixture
def shards() -> Iterator[Shards]:
    made = Shards(2)
    yield made
    made.close()


def query_like(designs: Designs, row: int, seed: int = 0) -> Query:
    embeddings = RegionEmbeddings(designs.vectors[row], np.zeros((REGION_COUNT, 3), dtype=np.float32))
    return make_query(make_garment(row, embeddings=embeddings), make_weights(seed))


def blocks_of(shards: Shards) -> list[Block]:
    return [block for _, block in shards.blocks()]


def test_rows_score_the_same_loose_and_sealed() -> None:
    """Sealing changes no answer: both hold fp16 values and add up in float32."""
    codes = make_designs(1, 300).vectors.reshape(300, -1).astype(np.float16)
    queries = codes[:2].astype(np.float32)
    allowed = np.arange(300) % 3 > 0
    for flags in (None, allowed):
        loose, loose_rows = LooseRows(codes).top(queries, flags, 10)
        sealed, sealed_rows = SealedRows(codes).top(queries, flags, 10)
        np.testing.assert_allclose(loose, sealed, atol=1e-6)
        np.testing.assert_array_equal(loose_rows, sealed_rows)
    np.testing.assert_array_equal(SealedRows(codes).codes(), codes)


@pytest.mark.parametrize("kind", [LooseRows, SealedRows])
def test_missing_rows_are_minus_one(kind: type[LooseRows | SealedRows]) -> None:
    """Where fewer are allowed than asked for."""
    codes = make_designs(1, 4).vectors.reshape(4, -1).astype(np.float16)
    _, rows = kind(codes).top(codes[:1].astype(np.float32), np.array([False, True, False, False]), 3)
    assert rows.tolist() == [[1, -1, -1]]


def test_large_segments_are_scanned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts' answers together are those of one scan, filters included; `exact` knows every row."""
    designs = make_designs(1, 1000)
    codes = designs.vectors.reshape(1000, -1).astype(np.float16)
    queries = codes[[3, 950]].astype(np.float32)
    whole = SealedRows(codes)
    monkeypatch.setattr("index.segments.PART_ROWS", 300)
    monkeypatch.setattr("index.shards.PARALLEL_ROWS", 10)
    parted = SealedRows(codes)
    assert [(part.start, part.stop) for part in parted.parts] == [(0, 300), (300, 600), (600, 900), (900, 1000)]
    allowed = np.arange(1000) % 7 > 0
    expected, _ = whole.top(queries, allowed, 1000)
    scores, rows = zip(*(parted.top(queries, allowed[p], 1000, n) for n, p in enumerate(parted.parts)), strict=True)
    found = np.concatenate(rows, axis=1)[0]
    assert sorted(found[found >= 0]) == np.flatnonzero(allowed).tolist()
    assert np.sort(np.concatenate(scores, axis=1)[0])[::-1][: allowed.sum()] == pytest.approx(
        expected[0][: allowed.sum()], abs=1e-6
    )
    best, rows_of_best = whole.top(queries, None, 1)
    assert parted.exact(queries, rows_of_best[:, 0]) == pytest.approx(best[:, 0], abs=1e-6)
    shards = Shards(2)
    shards.extend(designs)
    query, few = query_like(designs, 950), Exclusions(seller_key=3)
    for exclusions in (ANY, few):
        plain = InMemoryVectors()
        plain.extend(designs)
        ours, theirs = shards.nearest(query, exclusions, 40), plain.nearest(query, exclusions, 40)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)
    shards.close()


@pytest.mark.parametrize("count", [1, 20, 500])
def test_rows_of_eight_bits_are_scored_by_sixteen(count: int) -> None:
    """The best of a coarse scan, with the scores that the rows have; the tiniest segments included."""
    designs = make_designs(1, 2000)
    fine, coarse = Shards(2), Shards(2, sealing(Storage.SQ8))
    for one in (fine, coarse):
        one.extend(designs)
    assert [type(block.rows) for block in blocks_of(coarse)] == [QuantisedRows]
    for row in range(0, 2000, 211):
        ours, theirs = (one.nearest(query_like(designs, row, seed=row), ANY, count) for one in (coarse, fine))
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
        assert ours.garment_ids[0] == row + 1
    for one in (fine, coarse):
        one.close()


def test_a_disk_that_refuses_leaves_what_is_held(tmp_path: Path) -> None:
    """Nothing of the write is searched, and it can be made again."""
    shards = Shards(2, sealing(Storage.SQ8, tmp_path / "missing"))
    designs = make_designs(1, 600)
    shards.extend(designs.where(designs.garment_ids <= 100))
    with pytest.raises(IndexUnavailable, match="on disk"):
        shards.settle(designs.item_numbers, designs)
    assert len(shards) == 100
    (tmp_path / "missing").mkdir()
    shards.settle(designs.item_numbers, designs)
    assert len(shards) == len(shards.nearest(query_like(designs, 3), ANY, 1000)) == 600
    shards.close()


def test_a_column_of_one_value_takes_no_room(shards: Shards) -> None:
    """Tenants, and the moment until which nothing is disabled; and it can be changed all the same."""
    designs = make_designs(1, 1000)
    shards.extend(designs)
    (block,) = blocks_of(shards)
    strides = {name: column.strides[0] for name, column in block.labels.columns().items()}
    assert (strides["tenant_keys"], strides["disabled_until"], strides["garment_ids"]) == (0, 0, 8)
    disabled = replace(designs.labels, disabled_until=np.where(designs.garment_ids == 5, 100, 0))
    shards.settle(np.array([5]), replace(designs, labels=disabled).where(designs.garment_ids == 5))
    found = shards.nearest(query_like(designs, 4), Exclusions(now=50), 1000)
    assert (len(found), 5 in found.garment_ids) == (999, False)


def test_regions_that_are_missing_take_no_room(shards: Shards) -> None:
    """A skirt is one region: a fifth of a dress, found all the same; one that shows nothing is held and never found."""
    designs = make_designs(1, 900, masks=(0b11111, 0b00100, 0))
    shards.extend(designs)
    widths = {mask: block.rows.codes().shape[1] for (_, mask), block in shards.blocks()}
    assert widths == {0b11111: 5 * 16, 0b00100: 16, 0: 16}
    truth = InMemoryVectors()
    truth.extend(designs)
    for row in (0, 1):
        query = query_like(designs, row)
        ours, theirs = shards.nearest(query, ANY, 700), truth.nearest(query, ANY, 700)
        assert set(ours.garment_ids.tolist()) == set(theirs.garment_ids.tolist())
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)
    assert len(shards) == 900


def test_singly_added_rows_are_sealed_and_merged(shards: Shards) -> None:
    """Few blocks however the rows came, and every row still answers."""
    designs = make_designs(1, 5 * LOOSE_ROWS, masks=(31, 7))
    for start in range(0, len(designs), 100):
        shards.extend(designs.where(np.isin(np.arange(len(designs)), np.arange(start, start + 100))))
    assert len(shards) == len(designs)
    assert sum(isinstance(block.rows, SealedRows) for block in blocks_of(shards)) in (2, 3, 4)
    for row in range(0, len(designs), 97):
        assert shards.nearest(query_like(designs, row), ANY, 1).garment_ids[0] == row + 1


def test_many_dead_rows_are_dropped_from_memory(shards: Shards) -> None:
    """A forgotten item is masked at once and gone once a fifth of its block is dead."""
    designs = make_designs(1, 1000)
    shards.extend(designs)
    for forgotten in range(1, 500):
        shards.settle(np.array([forgotten]), NO_DESIGNS)
        assert sum(len(block) for block in blocks_of(shards)) * (1 - MOST_DEAD) <= len(shards) + 1
    assert len(shards) == 501
    assert min(shards.nearest(query_like(designs, 3), ANY, 1000).garment_ids) == 500


@pytest.mark.parametrize("storage", [Storage.FP16, Storage.SQ8])
@pytest.mark.parametrize("dead", [1, FEW_BARRED, FEW_BARRED + 1, 190])
def test_the_dead_never_answer_and_take_nobodys_place(
    storage: Storage, dead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few are scanned and dropped, more are left out of the scan; in a second part too, and the nearest of all."""
    monkeypatch.setattr("index.segments.PART_ROWS", 600)
    designs, shards = make_designs(1, 1000), Shards(2, sealing(storage, tmp_path))
    shards.extend(designs)
    query = query_like(designs, 990)
    nearest = shards.nearest(query, ANY, 1000).garment_ids
    assert len(nearest) == 1000
    shards.settle(designs.item_numbers[np.isin(designs.garment_ids, nearest[:dead])], NO_DESIGNS)
    assert sum(block.dead for block in blocks_of(shards)) == dead
    left = shards.nearest(query, ANY, 40)
    assert left.garment_ids.tolist() == nearest[dead : dead + 40].tolist()
    shards.close()


def test_large_histories_agree_with_the_slow_truth(shards: Shards) -> None:
    """Thousands of rows in several masks, added, refiled and forgotten in random order."""
    random = np.random.default_rng(3)
    truth = InMemoryVectors()
    designs = make_designs(3, 3000, masks=(31, 31, 7, 0b10111, 0b00100), dimension=8)
    for _ in range(60):
        items = random.choice(designs.item_numbers, size=int(random.integers(1, 400)), replace=False)
        kept = designs.where(np.isin(designs.item_numbers, items) & (random.uniform(size=len(designs)) < 0.7))
        shards.settle(items, kept)
        truth.settle(items, kept)
    assert len(shards) == len(truth) > 1000
    for row in range(5):
        query = query_like(designs, row, seed=row)
        for exclusions in (ANY, Exclusions(seller_key=3, categories=frozenset({1, 2, 3, 4}))):
            ours, theirs = shards.nearest(query, exclusions, 50), truth.nearest(query, exclusions, 50)
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-3)


@pytest.mark.parametrize("storage", [Storage.FP16, Storage.SQ8])
def test_searches_beside_writes_see_whole_writes(storage: Storage) -> None:
    """An item that is replaced all the time is never missing, doubled or halved; FAISS's own remove would crash.

    Nor while tombstones are dropped, which rewrites the segments that are being scanned.
    """
    views = make_designs(5, 1400, dimension=8)

    def replaced(items: Ids, generation: int) -> Designs:
        """Two views an item, under garment ids that were never used."""
        chosen = np.repeat(items, 2)
        rows = 2 * chosen + np.tile([0, 1], len(items))
        labels = replace(views.labels.where(rows), garment_ids=generation * 10_000 + rows, item_numbers=chosen)
        return Designs(labels, views.masks[rows], views.vectors[rows])

    items = np.arange(700)
    shards = Shards(2, sealing(storage))
    shards.extend(replaced(items, 1))
    done = threading.Event()
    torn: list[list[int]] = []
    searched = [0, 0, 0]

    def search(thread: int) -> None:
        while not done.is_set():
            found = shards.nearest(query_like(views, searched[thread] % 1400), ANY, 5000)
            if np.bincount(found.item_numbers, minlength=700).tolist() != [2] * 700:
                torn.append(found.item_numbers.tolist())
            searched[thread] += 1

    threads = [threading.Thread(target=search, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    random = np.random.default_rng(5)
    generation, dropped = 2, 0
    while generation < 300 or min(searched) < 20:
        some = np.sort(random.choice(items, size=40, replace=False))
        shards.settle(some, replaced(some, generation))
        generation += 1
        if generation % 7 == 0:
            dropped += shards.compact()
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []
    assert dropped > 0
    assert QuantisedRows in {type(block.rows) for block in blocks_of(shards)} or storage is Storage.FP16
    shards.close()
