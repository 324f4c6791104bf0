"""OKS and its average precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.geometry import Box
from models.taxonomy import Category
from models.training.landmarker.oks import (
    Estimate,
    average_precision,
    interpolated_precision,
    key_sigmas,
    keypoint_similarity,
)

BOX = Box(0, 0, 100, 200)
TOP, DRESS = Category.SHORT_SLEEVE_TOP, Category.VEST_DRESS


def test_points_in_their_place_agree_wholly() -> None:
    points = np.array([[10.0, 20], [30, 40]])
    assert keypoint_similarity(points, points, [0.01, 0.07], BOX) == 1.0


def test_two_sigmas_of_the_box_s_size_away_leave_the_root_of_e() -> None:
    """cocoeval: variance (2σ)², scaled by the area, halved."""
    away = 2 * 0.03 * np.sqrt(BOX.area)
    assert keypoint_similarity([[away, 0]], [[0, 0]], [0.03], BOX) == pytest.approx(np.exp(-0.5))


@given(st.floats(0, 500), st.floats(0, 500))
def test_a_point_further_away_never_agrees_more(a: float, b: float) -> None:
    near, far = (keypoint_similarity([[d, 0]], [[0, 0]], [0.02], BOX) for d in sorted((a, b)))
    assert near >= far


def test_a_key_of_two_slots_has_the_mean_of_their_sigmas() -> None:
    """Short sleeve top: slots 1 and 2 have 0.012 and 0.0158."""
    assert key_sigmas(TOP, {"a": (0,), "b": (0, 1)}) == pytest.approx({"a": 0.012, "b": 0.0139})


def test_everything_found_well_and_surely_is_a_precision_of_one() -> None:
    true = {"a": TOP, "b": TOP, "c": DRESS}
    found = [Estimate(photo, category, 0.9, 1.0) for photo, category in true.items()]
    assert average_precision(found, true) == pytest.approx(1.0)


def test_only_thresholds_that_the_similarity_reaches_count() -> None:
    """0.72 reaches 0.50 to 0.70: five of ten."""
    assert average_precision([Estimate("a", TOP, 0.9, 0.72)], {"a": TOP}) == pytest.approx(0.5)


def test_a_garment_called_something_else_is_missed_and_a_false_one_of_that_kind() -> None:
    true = {"a": TOP, "b": DRESS}
    found = [Estimate("a", DRESS, 0.95, 0.0), Estimate("b", DRESS, 0.9, 1.0)]
    assert average_precision(found, true) == pytest.approx(0.25)


def test_a_garment_found_twice_counts_once() -> None:
    twice = [Estimate("a", TOP, 0.9, 1.0), Estimate("a", TOP, 0.8, 1.0)]
    both = {"a": TOP, "b": TOP}
    assert average_precision(twice, both) == pytest.approx(51 / 101)


def test_nothing_found_is_no_precision() -> None:
    assert interpolated_precision([], 3) == 0.0
    assert interpolated_precision([True], 0) == 0.0
