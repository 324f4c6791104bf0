"""The score of many at once is the score of serving, and an ensemble is the mean of its members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.benchmark.embeddings import Embedded, ensemble, joined, pooled, score_all
from models.scoring import region_cosines, seen_mirrored, weighted_score
from models.types import RegionEmbeddings
from models.weighting import RegionWeights
from tests.factories import make_weights
from tests.models.benchmark.made_rows import along, at_random

SEEDS = st.integers(0, 10_000)


def embeddings(rows: Embedded, place: int, way: int) -> RegionEmbeddings:
    return RegionEmbeddings(rows.vectors[place, way], rows.colours[place, way])


def slow_score(
    queries: Embedded, row: int, gallery: Embedded, place: int, weights: RegionWeights, least: float
) -> float:
    """As `models.scoring` says, one pair at a time."""
    item = embeddings(gallery, place, 0)
    both = []
    for way in (0, 1):
        cosines = region_cosines(embeddings(queries, row, way), item)
        enough = weights.values[~np.isnan(cosines)].sum()
        both.append(weighted_score(cosines, weights) if enough > 0 and enough >= least - 1e-6 else -1.0)
    return both[1] if seen_mirrored(*both) else both[0]


@given(SEEDS)
def test_scores_are_those_of_serving(seed: int) -> None:
    """Weights, missing regions, the better orientation and the least weight that decides."""
    queries, gallery = at_random(["q"] * 3, seed), at_random(["g"] * 5, seed + 1)
    tables = [make_weights(seed + row) for row in range(3)]
    found = score_all(queries, gallery, np.array([table.values for table in tables]), 0.35)
    for row, table in enumerate(tables):
        for place in range(5):
            wanted = slow_score(queries, row, gallery, place, table, 0.35)
            assert found[row, place] == pytest.approx(wanted, abs=1e-5)


def test_a_region_too_small_to_decide_is_not_compared() -> None:
    """As in serving: a waist alone carries a fifth of equal weights."""
    waist = along(["q"], [0])
    waist.vectors[:, :, [0, 1, 3, 4]] = 0
    weights = RegionWeights.equal().values[None]
    assert score_all(waist, along(["a"], [0]), weights, 0.35) == -1
    assert score_all(waist, along(["a"], [0]), weights, 0.2) == 1


@given(SEEDS, st.integers(1, 4))
def test_an_ensemble_scores_the_mean_of_the_region_cosines(seed: int, count: int) -> None:
    """Members may differ in how long their vectors are; what is missing is missing in all."""
    shown = at_random(["a", "b"], seed)
    members = [at_random(["a", "b"], seed + 2 + k, dimension=4 + k, shown=1.0) for k in range(count)]
    for member in members:
        member.vectors[:] *= np.abs(shown.vectors).sum(axis=3, keepdims=True) > 0
    together = ensemble(members)
    cosines = [(one.vectors[0, 0] * one.vectors[1, 0]).sum(axis=1) for one in members]
    mean = (together.vectors[0, 0] * together.vectors[1, 0]).sum(axis=1)
    assert mean == pytest.approx(np.mean(cosines, axis=0), abs=1e-5)


def test_pooling_leaves_one_unit_vector_a_garment() -> None:
    """In the place of all five, so that any weights rank alike."""
    garments = pooled(at_random(["a", "b", "c"], 3))
    assert np.linalg.norm(garments.vectors, axis=3) == pytest.approx(np.ones((3, 2, 5)))
    assert np.allclose(garments.vectors, garments.vectors[:, :, :1])


def test_a_gallery_of_several_parts_keeps_their_order() -> None:
    """Places are how answers name garments."""
    assert joined(along(["a"], [0]), along(["b", "c"], [1, 2])).owners.tolist() == ["a", "b", "c"]
