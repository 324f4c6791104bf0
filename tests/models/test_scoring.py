"""The one score and its identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import InvalidValue
from models.scoring import (
    Likeness,
    colour_distance,
    colour_shifts,
    common_colour_change,
    compared_weight,
    region_cosines,
    scaled_query,
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


def test_likeness_charges_for_colour_up_to_another_colourway() -> None:
    """The same colour costs nothing, a colourway no more than the most, an unknown colour as much."""
    likeness = Likeness(colour_cost=0.01, most_colour=20.0, group_bonus=0.03)
    assert likeness.of(0.5, 0.0, same_group=False) == pytest.approx(0.5)
    assert likeness.of(0.5, 10.0, same_group=True) == pytest.approx(0.43)
    assert likeness.of(0.5, 90.0, same_group=False) == likeness.of(0.5, float("nan"), same_group=False)
    with pytest.raises(InvalidValue):
        Likeness(-0.1, 20.0, 0.0)


def test_the_colour_distance_is_that_of_the_compared_regions() -> None:
    """A region missing on one side has none; a print on one side is no other garment."""
    before = np.zeros((5, 3))
    after = np.array([[30, 0, 0], [30, 0, 0], [30, 0, 0], [90, 0, 0], [90, 0, 0]], float)
    here, there = embeddings(1, [True] * 5, before), embeddings(1, [True, True, True, False, False], after)
    assert colour_distance(here, there) == pytest.approx(30, abs=1e-3)
    printed = embeddings(1, [True] * 5, after)
    assert colour_distance(here, printed) == pytest.approx(30, abs=1e-3), "two regions may be coloured otherwise"
    nothing = embeddings(1, [False, False, False, True, True], before)
    assert np.isnan(colour_distance(nothing, there))


def test_another_colourway_is_a_change_common_to_all_regions() -> None:
    """One recoloured region is not."""
    before = np.full((5, 3), 20.0)
    one = before.copy()
    one[2] += 50
    plain = embeddings(1, [True] * 5, before)
    assert common_colour_change(embeddings(1, [True] * 5, before + [0, 30, 40]), plain) == pytest.approx(50, abs=1e-3)
    assert common_colour_change(embeddings(1, [True] * 5, one), plain) == pytest.approx(0, abs=1e-3)
    assert common_colour_change(embeddings(1, [False] * 5), plain) == 0
