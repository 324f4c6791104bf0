"""What every vector index must do; run against the slow truth, the shards in either storage, and Milvus Lite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.device_rows import DeviceScanner
from index.errors import EmbeddingMismatch
from index.in_memory import InMemoryVectors
from index.labels import NEVER, Exclusions, tenant_key
from index.loose_rows import LooseRows
from index.sealing import sealing
from index.shards import Shards
from index.types import Query, Storage
from index.vectors import Candidates, Designs, VectorIndex
from models.runtime.running import Device
from models.scoring import region_cosines, weighted_score
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights
from tests.factories import make_designs, make_embeddings, make_garment, make_query, make_weights
from tests.milvus import INSTALLED, open_milvus

ROUNDING = 1e-3
DIMENSION = 16
NO_DESIGNS = Designs.joined([])
ANY = Exclusions()


def sealed_at_once(storage: Storage) -> Shards:
    """Shards without loose rows: the few rows of a test would never fill a segment."""
    scanner = DeviceScanner(Device.CPU) if storage is Storage.GPU else None
    shards = Shards(2, sealing(storage, scanner=scanner))
    shards._rows_of = lambda codes: shards.sealing.fresh(codes) if len(codes) else LooseRows(codes)  # type: ignore[method-assign]
    return shards


ENGINES: dict[str, Callable[[], VectorIndex]] = {
    "in_memory": InMemoryVectors,
    "shards": lambda: Shards(2),
    "sealed_fp16": lambda: sealed_at_once(Storage.FP16),
    "sealed_sq8": lambda: sealed_at_once(Storage.SQ8),
    "sealed_gpu": lambda: sealed_at_once(Storage.GPU),
}
IN_PROCESS = dict(ENGINES)
if INSTALLED:
    ENGINES["milvus_lite"] = open_milvus
MASKS = st.lists(st.integers(0, 31), min_size=1, max_size=6)
LEAST_WEIGHTS = st.sampled_from([0.0, 0.35, 0.9])


@pytest.fixture(params=list(ENGINES.values()), ids=list(ENGINES))
def vectors(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    made = request.param()
    yield made
    made.close()


def query_like(designs: Designs, row: int, **changes: Any) -> Query:
    embeddings = RegionEmbeddings(designs.vectors[row], np.zeros((REGION_COUNT, 3), dtype=np.float32))
    return make_query(make_garment(row, embeddings=embeddings), **changes)


def ids(candidates: Candidates) -> list[int]:
    return [int(garment_id) for garment_id in candidates.garment_ids]


def slow_scores(query: Query, designs: Designs) -> dict[int, float]:
    """S in the better orientation by the paper's sum, for garments that share enough of the weight."""
    scores: dict[int, float] = {}
    for row, garment_id in enumerate(designs.garment_ids.tolist()):
        theirs = RegionEmbeddings(designs.vectors[row], np.zeros((REGION_COUNT, 3), dtype=np.float32))
        for ours in (query.embeddings, query.mirrored):
            shared = ours.visible & theirs.visible
            share = float(query.weights.values[shared].sum())
            if share > 0 and share >= query.least_weight - 1e-9:
                score = weighted_score(region_cosines(ours, theirs), query.weights)
                scores[garment_id] = max(score, scores.get(garment_id, -2.0))
    return scores


def test_an_empty_index_answers_nothing(vectors: VectorIndex) -> None:
    """Whatever it is asked."""
    assert len(vectors.nearest(make_query(make_garment(1)), ANY, 10)) == 0
    assert (len(vectors), vectors.dimension) == (0, None)


def test_a_garment_is_nearest_to_itself(vectors: VectorIndex) -> None:
    """With a score of 1, best first, no more than asked for."""
    designs = make_designs(1, 40)
    vectors.extend(designs)
    found = vectors.nearest(query_like(designs, 7), ANY, 5)
    assert len(found) == 5
    assert (found.garment_ids[0], found.item_numbers[0]) == (8, 8)
    assert found.scores[0] == pytest.approx(1, abs=ROUNDING)
    assert (np.diff(found.scores) <= 0).all()


def test_fewer_garments_than_asked_for_all_answer(vectors: VectorIndex) -> None:
    """Each once, though both orientations are searched."""
    designs = make_designs(1, 3)
    vectors.extend(designs)
    assert sorted(ids(vectors.nearest(query_like(designs, 0), ANY, 100))) == [1, 2, 3]


def test_the_mirrored_orientation_is_searched_too(vectors: VectorIndex) -> None:
    """A flipped copy scores as well as an upright one."""
    designs = make_designs(1, 40)
    vectors.extend(designs)
    flipped = RegionEmbeddings(designs.vectors[11], np.zeros((REGION_COUNT, 3), dtype=np.float32))
    query = make_query(make_garment(99, embeddings=make_embeddings(99, dimension=DIMENSION), mirrored=flipped))
    found = vectors.nearest(query, ANY, 3)
    assert found.garment_ids[0] == 12
    assert found.scores[0] == pytest.approx(1, abs=ROUNDING)


@pytest.mark.parametrize("engine", list(IN_PROCESS.values()), ids=list(IN_PROCESS))
@given(seed=st.integers(0, 10_000), masks=MASKS, query_mask=st.integers(0, 31), least_weight=LEAST_WEIGHTS)
def test_the_answer_is_the_slow_sum(
    engine: Callable[[], VectorIndex], seed: int, masks: list[int], query_mask: int, least_weight: float
) -> None:
    """Any weights, any missing regions on either side: "weights scale the query" loses nothing but fp16 rounding."""
    check_slow_sum(engine, seed, masks, query_mask, least_weight)


@pytest.mark.skipif(not INSTALLED, reason="needs the extra [milvus]: make test-scale")
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), masks=MASKS, query_mask=st.integers(0, 31), least_weight=LEAST_WEIGHTS)
def test_the_answer_of_milvus_is_the_slow_sum(
    seed: int, masks: list[int], query_mask: int, least_weight: float
) -> None:
    """The same, a few times: each makes a collection."""
    check_slow_sum(open_milvus, seed, masks, query_mask, least_weight)


def check_slow_sum(
    engine: Callable[[], VectorIndex], seed: int, masks: list[int], query_mask: int, least_weight: float
) -> None:
    designs = make_designs(seed, 24, masks, DIMENSION)
    garment = make_garment(seed, embeddings=make_embeddings(seed + 7, query_mask, DIMENSION))
    query = make_query(garment, make_weights(seed), least_weight=least_weight)
    vectors = engine()
    vectors.extend(designs)
    found = vectors.nearest(query, ANY, 100)
    vectors.close()
    expected = slow_scores(query, designs)
    assert set(ids(found)) == set(expected)
    assert found.scores == pytest.approx([expected[garment_id] for garment_id in ids(found)], abs=ROUNDING)


def test_one_small_region_cannot_decide(vectors: VectorIndex) -> None:
    """An item visible only where little weight lies is skipped, however alike."""
    designs = make_designs(1, 2, masks=(0b00001, 0b11111))
    vectors.extend(designs)
    weights = RegionWeights(np.array([0.3, 0.2, 0.2, 0.15, 0.15]))
    query = query_like(designs, 1, weights=weights)
    assert ids(vectors.nearest(query, ANY, 10)) == [2]
    assert sorted(ids(vectors.nearest(query_like(designs, 1, weights=weights, least_weight=0.3), ANY, 10))) == [1, 2]


@pytest.mark.parametrize(
    ("exclusions", "expected"),
    [
        (Exclusions(item_number=3), {1, 2, 4, 5, 6, 7, 8, 9}),
        (Exclusions(seller_key=1), {2, 3, 4, 5, 6, 7, 9}),
        (Exclusions(categories=frozenset({2, 4})), {1, 3}),
        (Exclusions(item_number=3, seller_key=1, categories=frozenset({2, 4, 5})), {4}),
        (Exclusions(categories=frozenset({13})), set()),
        (Exclusions(published_before=4), {1, 2, 3}),
        (Exclusions(published_before=5, seller_key=1), {2, 3, 4}),
        (Exclusions(now=6), {1, 2, 3, 4, 5, 6, 7, 8, 9}),
        (Exclusions(now=6, item_number=8, published_before=100), {1, 2, 3, 4, 5, 6, 7}),
    ],
)
def test_the_excluded_never_answer(vectors: VectorIndex, exclusions: Exclusions, expected: set[int]) -> None:
    """By item, seller, category and publication, alone and together; the ninth says not when it was published."""
    designs = make_designs(1, 9, published=np.array([*range(1, 9), NEVER]))
    vectors.extend(designs)
    assert set(ids(vectors.nearest(query_like(designs, 0), exclusions, 10))) == expected


def test_what_is_disabled_answers_again_when_its_time_has_come(vectors: VectorIndex) -> None:
    """Until later than now: not; from then on: as ever."""
    designs = make_designs(1, 3, disabled_until=np.array([0, 10, 20]))
    vectors.extend(designs)
    query = query_like(designs, 0)
    found = {now: sorted(ids(vectors.nearest(query, Exclusions(now=now), 5))) for now in (0, 9, 10, 20)}
    assert found == {0: [1], 9: [1], 10: [1, 2], 20: [1, 2, 3]}
    assert len(vectors) == 3


def test_a_tenant_finds_its_own_alone(vectors: VectorIndex) -> None:
    """However near what is another's, and though the rest of the filters would let it pass."""
    keys = [tenant_key("A"), tenant_key("B"), tenant_key("A"), tenant_key("default")]
    designs = make_designs(1, 4, tenant_keys=np.array(keys))
    vectors.extend(designs)
    query = query_like(designs, 1)
    for tenant, expected in (("A", [1, 3]), ("B", [2]), ("default", [4]), ("C", [])):
        assert sorted(ids(vectors.nearest(query, Exclusions(tenant_key=tenant_key(tenant)), 10))) == expected
    vectors.settle(np.array([2]), NO_DESIGNS)
    assert ids(vectors.nearest(query, Exclusions(tenant_key=tenant_key("B")), 10)) == []
    assert len(vectors) == 3


def test_settling_refiles_what_filters(vectors: VectorIndex) -> None:
    """An item that is disabled, dated or enabled again is so for the next search."""
    designs = make_designs(1, 2)
    vectors.extend(designs)
    query = query_like(designs, 0)
    for disabled, published, expected in ((100, NEVER, [2]), (0, 3, [1, 2]), (0, 70, [2])):
        labels = replace(designs.labels, disabled_until=np.array([disabled, 0]), published=np.array([published, 5]))
        vectors.settle(np.array([1, 2]), replace(designs, labels=labels))
        assert sorted(ids(vectors.nearest(query, Exclusions(now=50, published_before=60), 5))) == expected


def test_settling_adds_and_forgets(vectors: VectorIndex) -> None:
    """What is not among an item's designs any more never answers; other items stay."""
    designs = make_designs(1, 6)
    vectors.extend(designs.where(designs.garment_ids <= 4))
    vectors.settle(np.array([2, 3, 5]), designs.where(np.isin(designs.garment_ids, [3, 5])))
    assert sorted(ids(vectors.nearest(query_like(designs, 0), ANY, 10))) == [1, 3, 4, 5]
    assert len(vectors) == 4


def test_settling_twice_is_settling_once(vectors: VectorIndex) -> None:
    """A change may be read again after a crash."""
    designs = make_designs(1, 6)
    for _ in range(2):
        vectors.settle(designs.item_numbers, designs)
    assert (len(vectors), sorted(ids(vectors.nearest(query_like(designs, 0), ANY, 10)))) == (6, [1, 2, 3, 4, 5, 6])


def test_settling_refiles_under_another_seller(vectors: VectorIndex) -> None:
    """A patched seller is excluded from then on, the former one is not."""
    designs = make_designs(1, 2)
    vectors.extend(designs)
    moved = replace(designs, labels=replace(designs.labels, seller_keys=np.array([50, 2])))
    vectors.settle(np.array([1]), moved.where(moved.item_numbers == 1))
    query = query_like(designs, 0)
    assert ids(vectors.nearest(query, Exclusions(seller_key=50), 10)) == [2]
    assert sorted(ids(vectors.nearest(query, Exclusions(seller_key=1), 10))) == [1, 2]


def test_an_item_can_be_forgotten_entirely(vectors: VectorIndex) -> None:
    """Down to the last one, and come back."""
    designs = make_designs(1, 1)
    vectors.extend(designs)
    vectors.settle(np.array([1]), NO_DESIGNS)
    assert (len(vectors), len(vectors.nearest(query_like(designs, 0), ANY, 10))) == (0, 0)
    vectors.settle(np.array([1]), designs)
    assert ids(vectors.nearest(query_like(designs, 0), ANY, 10)) == [1]


def test_vectors_of_another_dimension_are_refused(vectors: VectorIndex) -> None:
    """As rows and as a query; what is held stays."""
    designs = make_designs(1, 3)
    vectors.extend(designs)
    with pytest.raises(EmbeddingMismatch):
        vectors.extend(make_designs(2, 3, dimension=8))
    with pytest.raises(EmbeddingMismatch):
        vectors.nearest(query_like(make_designs(2, 1, dimension=8), 0), ANY, 3)
    assert (len(vectors), vectors.dimension) == (3, DIMENSION)
