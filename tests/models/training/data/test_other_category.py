"""A long-sleeved garment copied as a short-sleeved one."""

import numpy as np

from models.regions import garment_outline
from models.taxonomy import Category, RegionName, slots_of
from models.training.data.garment_picture import SLEEVES, GarmentPicture, fill_polygon, sleeve_sides
from models.training.data.other_category import SHORT_SLEEVES, cut_sleeves_short
from models.training.data.region_edits import VISIBLE_SHARE, visible_change
from models.types import Landmarks
from tests.models.training.data.drawn_garments import CLOTH, GROUND, LEFT, SIDE, t_shirt

LONG = LEFT | {"cuff_outer_L": (8, 170), "cuff_inner_L": (36, 176)}


def long_sleeved() -> GarmentPicture:
    """The drawn T-shirt with sleeves down to the hips."""
    shoulder, armpit, outer, inner = (
        np.array(LONG[name]) for name in ("shoulder_L", "armpit_L", "cuff_outer_L", "cuff_inner_L")
    )
    places = {name: np.array(place) for name, place in LONG.items()}
    for number in (1, 2, 3):
        places[f"sleeve_outer_{number}_L"] = shoulder + (outer - shoulder) * number / 4
        places[f"sleeve_inner_{number}_L"] = armpit + (inner - armpit) * number / 4
    slots = slots_of(Category.LONG_SLEEVE_TOP)
    points = []
    for slot in slots:
        own = slot.name in places
        x, y = places[slot.name if own else slots[slot.mirror - 1].name]
        points.append((x if own else SIDE - x, y))
    marks = Landmarks(Category.LONG_SLEEVE_TOP, np.array(points), np.ones(len(slots)), np.ones(len(slots), bool))
    mask = fill_polygon((SIDE, SIDE), garment_outline(marks))
    return GarmentPicture(np.where(mask[..., None] > 0, CLOTH, GROUND).astype(np.uint8), mask, marks)


def sleeve_length(picture: GarmentPicture) -> float:
    outer, _ = sleeve_sides(picture, RegionName.LEFT_SLEEVE)
    return float(np.linalg.norm(np.diff(outer, axis=0), axis=1).sum())


def test_both_sleeves_are_cut_at_one_length() -> None:
    """Above the elbow, and nothing else of the garment is touched."""
    picture = long_sleeved()
    copy = cut_sleeves_short(picture, np.random.default_rng(0))
    assert copy is not None
    assert copy.altered == SLEEVES
    assert copy.edits == (SHORT_SLEEVES, SHORT_SLEEVES)
    assert 0.15 * sleeve_length(picture) < sleeve_length(copy.picture) < 0.5 * sleeve_length(picture)
    left, right = (copy.mask[:, :128].sum(), copy.mask[:, 128:].sum())
    assert abs(int(left) - int(right)) < 0.05 * left
    for region in (RegionName.COLLAR, RegionName.CHEST):
        assert visible_change(picture, copy.picture, region) < VISIBLE_SHARE


def test_a_short_sleeved_garment_stays_what_it_is() -> None:
    """There is nothing to cut."""
    assert cut_sleeves_short(t_shirt(), np.random.default_rng(0)) is None
