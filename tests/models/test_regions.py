"""Five regions by plain geometry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.geometry import Box
from models.regions import garment_outline, locate_regions, locate_whole
from models.taxonomy import Category, RegionName, slot_index, slots_of
from models.types import Landmarks, MissingReason, Region

PLACES = {
    "neck_back_center": (100, 20), "neck_L": (80, 20), "neck_front_L": (88, 32), "neck_front_center": (100, 36),
    "neck_front_R": (112, 32), "neck_R": (120, 20), "shoulder_L": (55, 30), "sleeve_outer_mid_L": (40, 50),
    "cuff_outer_L": (20, 75), "cuff_inner_L": (38, 85), "sleeve_inner_mid_L": (48, 75), "armpit_L": (60, 70),
    "side_upper_L": (60, 110), "side_lower_L": (60, 150), "hem_L": (60, 190), "hem_center": (100, 192),
}  # fmt: skip


def t_shirt(shift: float = 0.0, visible: set[str] | None = None) -> Landmarks:
    """A T-shirt drawn by hand on a 200×200 photo, the right side mirroring the left."""
    slots = slots_of(Category.SHORT_SLEEVE_TOP)
    points = []
    for slot in slots:
        name = slot.name
        if name in PLACES:
            points.append(PLACES[name])
        else:
            x, y = PLACES[slots[slot.mirror - 1].name]
            points.append((200 - x, y))
    seen = [visible is None or slot.name in visible for slot in slots]
    return Landmarks(Category.SHORT_SLEEVE_TOP, np.array(points) + [shift, 0], np.ones(25), np.array(seen))


def by_name(regions: tuple[Region, ...]) -> dict[RegionName, Region]:
    return {region.name: region for region in regions}


def inside(box: Box | None) -> Box:
    assert box is not None
    return box


def test_a_whole_t_shirt_has_all_five_regions_where_a_person_would_draw_them() -> None:
    """Collar above chest above waist; sleeves at the sides of the image they are named after."""
    regions = by_name(locate_regions(t_shirt(), 200, 200))
    collar, chest, waist, left, right = (inside(regions[name].box) for name in RegionName)
    assert collar.centre[1] < chest.centre[1] < waist.centre[1]
    assert left.centre[0] < chest.x1
    assert right.centre[0] > chest.x2
    assert chest.y2 == pytest.approx(waist.y1)
    assert waist.y2 == pytest.approx(190.67, abs=0.01)


@pytest.mark.parametrize("category", [c for c in Category if not c.has_sleeves and not c.is_bottom])
def test_a_sleeveless_garment_has_no_sleeves_rather_than_invented_ones(category: Category) -> None:
    """`absent` is the one reason that can count as an alteration."""
    n = len(slots_of(category))
    points = np.random.default_rng(3).uniform(20, 180, (n, 2))
    regions = by_name(locate_regions(Landmarks(category, points, np.ones(n), np.ones(n, bool)), 200, 200))
    assert regions[RegionName.LEFT_SLEEVE].reason is MissingReason.ABSENT
    assert regions[RegionName.RIGHT_SLEEVE].reason is MissingReason.ABSENT


def test_a_sleeve_cut_off_by_the_photo_is_out_of_frame() -> None:
    """The garment slid out to the left: its left sleeve is not there to compare."""
    regions = by_name(locate_regions(t_shirt(shift=-50), 200, 200))
    assert regions[RegionName.LEFT_SLEEVE].reason is MissingReason.OUT_OF_FRAME
    assert regions[RegionName.RIGHT_SLEEVE].visible


def test_a_region_whose_landmarks_are_hidden_is_occluded() -> None:
    """Hair over the neckline hides the collar and nothing else."""
    names = set(slot_index(Category.SHORT_SLEEVE_TOP))
    hidden = {n for n in names if n.startswith(("neck", "shoulder"))}
    regions = by_name(locate_regions(t_shirt(visible=names - hidden), 200, 200))
    assert regions[RegionName.COLLAR].reason is MissingReason.OCCLUDED
    assert regions[RegionName.WAIST].visible


@pytest.mark.parametrize("category", [Category.SHORTS, Category.TROUSERS, Category.SKIRT])
def test_bottoms_are_one_region(category: Category) -> None:
    """Compared as a whole until they have regions of their own."""
    n = len(slots_of(category))
    points = np.random.default_rng(5).uniform(20, 180, (n, 2))
    regions = locate_regions(Landmarks(category, points, np.ones(n), np.ones(n, bool)), 200, 200)
    assert [region.name for region in regions if region.visible] == [RegionName.WAIST]


def test_the_outline_goes_round_the_garment() -> None:
    """Its area is about that of the drawn shirt and it does not cross into the background."""
    outline = garment_outline(t_shirt()).astype(np.float64)
    x, y = outline.T
    area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    assert 12_000 < area < 18_000


@given(st.sampled_from(list(Category)), st.integers(0, 100_000), st.floats(0.01, 500))
def test_any_landmarks_give_regions_inside_the_photo_and_never_fail(category: Category, seed: int, size: float) -> None:
    """However wild the network's points, each region is a box inside the photo or has a reason."""
    n = len(slots_of(category))
    points = np.random.default_rng(seed).uniform(-size, 200 + size, (n, 2))
    for region in locate_regions(Landmarks(category, points, np.ones(n), np.ones(n, bool)), 200, 160):
        if region.box is not None:
            assert 0 <= region.box.x1 < region.box.x2 <= 200
            assert 0 <= region.box.y1 < region.box.y2 <= 160


def test_a_bottom_is_its_whole_box_whatever_its_landmarks_say() -> None:
    """Clipped to the photo; the other four are absent."""
    regions = by_name(locate_whole(Box(-10, 50, 90, 150), 200, 120))
    assert regions[RegionName.WAIST].box == Box(0, 50, 90, 120)
    assert [r.reason for r in regions.values()].count(MissingReason.ABSENT) == 4
