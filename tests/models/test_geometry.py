"""Boxes and affine maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidValue
from models.geometry import Affine, Box, intersection_over_union

coordinates = st.floats(-500, 500, allow_nan=False)
sizes = st.floats(1, 400)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), coordinates, coordinates, sizes, sizes)


@pytest.mark.parametrize("corners", [(5, 0, 5, 9), (0, 9, 5, 1), (0, 0, float("nan"), 4), (0, 0, float("inf"), 4)])
def test_a_box_without_area_or_with_wild_numbers_is_refused(corners: tuple[float, ...]) -> None:
    """Empty and non-finite boxes cannot be built, so nobody has to check for them later."""
    with pytest.raises(InvalidValue):
        Box(*corners)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_between_zero_and_one(a: Box, b: Box) -> None:
    """IoU does not care who comes first, and a box overlaps itself entirely."""
    overlap = intersection_over_union(a, b)
    assert 0 <= overlap <= 1
    assert overlap == intersection_over_union(b, a)
    assert intersection_over_union(a, a) == pytest.approx(1)


@given(boxes, boxes)
def test_a_map_between_boxes_carries_corners_to_corners_and_back(source: Box, target: Box) -> None:
    """`between` takes the one box onto the other and its inverse brings it home."""
    forth = Affine.between(source, target)
    assert np.allclose(forth.apply(source.corners()), target.corners(), atol=1e-2)
    assert np.allclose(forth.inverse().apply(target.corners()), source.corners(), atol=1e-2)


@given(boxes, st.floats(10, 500))
def test_mirroring_a_box_twice_gives_it_back(box: Box, width: float) -> None:
    """A flip is its own inverse."""
    twice = box.mirrored(width).mirrored(width)
    assert np.allclose(twice.as_array(), box.as_array(), atol=1e-3)


def test_a_box_outside_the_frame_clips_to_nothing() -> None:
    """What lies wholly outside leaves no box; what overlaps leaves the part inside."""
    assert Box(-10, -10, -1, -1).clipped(100, 100) is None
    assert Box(-10, 50, 20, 150).clipped(100, 100) == Box(0, 50, 20, 100)


def test_a_map_that_cannot_be_inverted_is_refused() -> None:
    """A crop must always lead back to the photo."""
    with pytest.raises(InvalidValue):
        Affine(np.zeros((2, 3)))
