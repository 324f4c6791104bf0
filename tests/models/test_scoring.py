"""The one score and its identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.scoring import (
    colour_shifts,
    compared_weight,
    region_cosines,
    scaled_query,
    unaltered_score,
    weighted_score,
)
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights

DIMENSION = 8


def embeddings(seed: int, visible: list[bool], colours: np.ndarray | None = None) -> RegionEmbeddings:
    vectors = np.random.default_rng(seed).normal(size=(REGION_COUNT, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[~np.array(visible)] = 0
    return RegionEmbeddings(vectors, np.zeros((REGION_COUNT, 3)) if colours is None else colours)


masks = st.lists(st.booleans(), min_size=REGION_COUNT, max_size=REGION_COUNT)
weight_values = arrays(np.float64, REGION_COUNT, elements=st.floats(0, 1e6)).filter(lambda w: w.sum() > 1e-6)


@given(st.integers(0, 10_000), masks, masks, weight_values)
@settings(max_examples=300)
def test_weights_that_scale_the_query_equal_the_slow_sum(
    seed: int, of_query: list[bool], of_item: list[bool], values: np.ndarray
) -> None:
    """One inner product with the scaled query is Σ λ cos / Σ λ over regions visible in both, for any weights."""
    query, item, weights = embeddings(seed, of_query), embeddings(seed + 1, of_item), RegionWeights(values)
    both = [q and i for q, i in zip(of_query, of_item, strict=True)]
    total = sum(weights.values[r] for r in range(REGION_COUNT) if both[r])
    slow = 0.0
    for region in range(REGION_COUNT):
        if both[region] and total > 0:
            slow += weights.values[region] * float(query.vectors[region] @ item.vectors[region]) / total
    fast = float(scaled_query(query, item.mask, weights) @ item.vectors.reshape(-1))
    assert fast == pytest.approx(slow, abs=1e-5)
    assert weighted_score(region_cosines(query, item), weights) == pytest.approx(slow, abs=1e-5)


@given(st.integers(0, 10_000), masks)
def test_a_garment_scores_one_against_itself(seed: int, visible: list[bool]) -> None:
    """The score of a garment with itself is 1, unless nothing of it is visible."""
    garment = embeddings(seed, visible)
    score = weighted_score(region_cosines(garment, garment), RegionWeights.equal())
    assert score == pytest.approx(1.0 if any(visible) else 0.0, abs=1e-5)


def test_a_region_missing_on_one_side_is_not_compared() -> None:
    """Its cosine is NaN and its weight counts for neither side."""
    query, item = embeddings(1, [True] * 5), embeddings(2, [True, True, True, False, True])
    assert np.isnan(region_cosines(query, item)).tolist() == [False, False, False, True, False]
    assert compared_weight(query.mask, item.mask, RegionWeights.equal()) == pytest.approx(0.8)


def test_another_colourway_shifts_no_region() -> None:
    """A change common to all regions is taken off; a region that went its own way stands out."""
    before = np.tile([50.0, 10.0, 10.0], (5, 1))
    colourway = before + [10, -20, 30]
    one_recoloured = colourway.copy()
    one_recoloured[1] += [0, 40, 0]
    plain = embeddings(1, [True] * 5, before)
    assert colour_shifts(embeddings(1, [True] * 5, colourway), plain) == pytest.approx(np.zeros(5), abs=1e-4)
    shifts = colour_shifts(embeddings(1, [True] * 5, one_recoloured), plain)
    assert shifts[1] == pytest.approx(40, abs=1e-3)
    assert shifts[[0, 2, 3, 4]] == pytest.approx(np.zeros(4), abs=1e-3)


@given(arrays(np.float32, 5, elements=st.floats(-1, 1, width=32)), st.integers(0, 2))
def test_leaving_out_what_was_altered_never_lowers_the_score(cosines: np.ndarray, most_altered: int) -> None:
    """The regions that agree best score at least what all of them do."""
    weights = RegionWeights.equal()
    assert unaltered_score(cosines, weights, most_altered) >= weighted_score(cosines, weights) - 1e-6


def test_up_to_two_altered_regions_leave_the_others_as_they_were() -> None:
    """A copy with two regions altered counts by its other three; a third altered region tells."""
    weights = RegionWeights.equal()
    assert unaltered_score(np.float32([0.9, 0.9, 0.9, 0.1, -0.2]), weights, 2) == pytest.approx(0.9)
    assert unaltered_score(np.float32([0.9, 0.9, 0.3, 0.1, -0.2]), weights, 2) == pytest.approx(0.7)


def test_three_regions_are_kept_however_few_were_compared() -> None:
    """A sleeveless dress is judged by all it has."""
    cosines = np.float32([0.9, 0.6, 0.3, np.nan, np.nan])
    assert unaltered_score(cosines, RegionWeights.equal(), 2) == pytest.approx(0.6)
