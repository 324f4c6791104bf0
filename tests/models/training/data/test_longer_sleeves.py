"""A short-sleeved garment copied as a long-sleeved one."""

import numpy as np
import pytest

from models.regions import garment_outline
from models.taxonomy import Category, RegionName, slot_index
from models.training.data.garment_picture import SLEEVES, GarmentPicture, fill_polygon, moved, sleeve_sides
from models.training.data.longer_sleeves import LONG_SLEEVES, lengthen_sleeves
from models.types import Landmarks
from tests.models.training.data.drawn_garments import CLOTH, t_shirt
from tests.models.training.data.test_other_category import long_sleeved


def sleeve_length(picture: GarmentPicture, name: RegionName) -> float:
    outer, _ = sleeve_sides(picture, name)
    return float(np.linalg.norm(np.diff(outer, axis=0), axis=1).sum())


@pytest.mark.parametrize("seed", range(4))
def test_both_sleeves_become_as_long_as_an_arm(seed: int) -> None:
    """More than a body is wide, both alike, and of the sleeve's own cloth."""
    picture = t_shirt()
    copy = lengthen_sleeves(picture, np.random.default_rng(seed))
    assert copy is not None
    assert copy.altered == SLEEVES
    assert copy.edits == (LONG_SLEEVES, LONG_SLEEVES)
    lengths = [sleeve_length(copy.picture, name) for name in SLEEVES]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
    assert picture.body_width < lengths[0] < 1.6 * picture.body_width
    grown = int(copy.mask.sum()) - int(picture.mask.sum())
    new = (copy.mask > 0) & (_placed(picture, copy.picture) == 0)
    assert new.sum() == grown > 0.1 * picture.mask.sum()
    assert np.abs(np.median(copy.pixels[new], axis=0) - CLOTH).max() < 8


def test_collar_chest_and_waist_are_the_same_pixels() -> None:
    """Only moved, where the picture had to grow."""
    picture = t_shirt()
    copy = lengthen_sleeves(picture, np.random.default_rng(1))
    assert copy is not None
    shift = copy.landmarks.points_xy[0] - picture.landmarks.points_xy[0]
    left, top = np.round(shift).astype(int)
    torso = (slice(40, 236), slice(80, 176))
    there = copy.pixels[top : top + picture.height, left : left + picture.width]
    assert np.array_equal(there[torso], picture.pixels[torso])
    kept = [
        at for name, at in slot_index(Category.SHORT_SLEEVE_TOP).items() if "sleeve" not in name and "cuff" not in name
    ]
    assert copy.landmarks.points_xy[kept] == pytest.approx(picture.landmarks.points_xy[kept] + shift, abs=1e-3)


def test_all_landmarks_lie_in_the_picture() -> None:
    """It is drawn out where the sleeves need room."""
    copy = lengthen_sleeves(t_shirt(), np.random.default_rng(2))
    assert copy is not None
    points = copy.landmarks.points_xy
    assert ((points >= 0) & (points < (copy.picture.width, copy.picture.height))).all()


def test_long_sleeves_and_sleeves_before_the_body_stay_as_they_are() -> None:
    """There is nothing to lengthen, or new cloth would hide other regions."""
    assert lengthen_sleeves(long_sleeved(), np.random.default_rng(0)) is None
    assert lengthen_sleeves(crossed(), np.random.default_rng(0)) is None


def crossed() -> GarmentPicture:
    """The T-shirt with its sleeves laid over the chest."""
    picture = t_shirt()
    index, points = slot_index(Category.SHORT_SLEEVE_TOP), picture.landmarks.points_xy.copy()
    for side, way in (("L", 1), ("R", -1)):
        for edge, down in (("outer", 60), ("inner", 90)):
            points[index[f"cuff_{edge}_{side}"]] = points[index[f"shoulder_{side}"]] + (way * 40, down)
    marks: Landmarks = moved(picture.landmarks, points)
    return GarmentPicture(
        picture.pixels, picture.mask | fill_polygon(picture.mask.shape, garment_outline(marks)), marks
    )


def _placed(before: GarmentPicture, after: GarmentPicture) -> np.ndarray:
    """The earlier mask where it lies in the larger picture."""
    left, top = np.round(after.landmarks.points_xy[0] - before.landmarks.points_xy[0]).astype(int)
    mask = np.zeros_like(after.mask)
    mask[top : top + before.height, left : left + before.width] = before.mask
    return mask
