"""Outlines of masks: direction, normals, paths between points, and what is cut off."""

import numpy as np
import pytest

from models.errors import InvalidValue
from models.training.data.outlines import Outline, normals_of, outline_of, polygon_overlap
from tests.models.training.data.garment_shapes import tee, tee_mask


def square() -> np.ndarray:
    mask = np.zeros((100, 100), np.uint8)
    mask[20:80, 20:80] = 1
    return mask


def test_an_outline_runs_down_the_left_side_of_the_picture() -> None:
    """From the top left corner the next corner is the bottom left one, as the landmark slots go."""
    outline = outline_of(square())
    assert outline is not None
    way = outline.between((20, 20), (20, 80), [0.5])
    assert way[0] == pytest.approx((20, 50), abs=1.5)


def test_normals_point_outwards() -> None:
    """Each normal leads away from the middle of a convex mask."""
    outline = outline_of(square())
    assert outline is not None
    assert ((outline.points - (50, 50)) * outline.normals).sum(axis=1).min() > 0
    assert np.linalg.norm(outline.normals, axis=1) == pytest.approx(1.0)


def test_a_hanger_is_cut_off_and_the_garment_kept() -> None:
    """A hook thinner than a hundredth of the diagonal does not reach the outline."""
    mask = np.zeros((400, 300), np.uint8)
    mask[100:380, 40:260] = 1
    mask[20:100, 150:153] = 1
    outline = outline_of(mask)
    assert outline is not None
    assert outline.points[:, 1].min() > 95


def test_a_detour_is_replaced_by_the_straight_line() -> None:
    """Between the legs of an arch the straight line is shorter than the way round."""
    mask = np.zeros((200, 200), np.uint8)
    mask[20:180, 20:180] = 1
    mask[60:180, 80:120] = 0
    outline = outline_of(mask)
    assert outline is not None
    assert outline.between((80, 179), (120, 179), [0.5])[0] == pytest.approx((100, 179), abs=1.0)


def test_next_to_nothing_has_no_outline() -> None:
    """An empty mask, and one of a few pixels, give None."""
    assert outline_of(np.zeros((50, 50), np.uint8)) is None
    speck = np.zeros((50, 50), np.uint8)
    speck[10:14, 10:14] = 1
    assert outline_of(speck) is None


def test_a_polygon_covers_the_mask_it_was_drawn_from() -> None:
    """Overlap is one for the same shape and small for a shifted one."""
    points = tee()
    mask = tee_mask(points)
    ring = np.array([points[key][:2] for key in points if key != "neck_front"]) + 0.5
    assert polygon_overlap(ring, mask) == pytest.approx(1.0)
    assert polygon_overlap(ring + (60, 0), mask) < 0.6


def test_an_outline_without_normals_is_refused() -> None:
    """Every point has its normal."""
    points = np.random.default_rng(0).random((20, 2))
    with pytest.raises(InvalidValue):
        Outline(points, normals_of(points)[:-1])
