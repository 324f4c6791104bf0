"""The edits written after the shipped copies: they show, keep to their region, and leave those copies as they were."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from models.errors import InvalidValue
from models.taxonomy import REGIONS, RegionName
from models.training.data.edit_collar import DEPTHS, Neck, reshape_collar
from models.training.data.edit_print import mosaic, swap_words
from models.training.data.edit_shape import deepen_neck
from models.training.data.edit_waist import shape_waist
from models.training.data.garment_picture import GarmentPicture, region_area
from models.training.data.reframing import crop_picture
from models.training.data.region_edits import (
    VISIBLE_SHARE,
    Edit,
    alter_regions,
    edits_for,
    every_edit_for,
    visible_change,
)
from tests.models.training.data.drawn_garments import CLOTH, GROUND, SIDE, t_shirt


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def striped_v_neck() -> GarmentPicture:
    """With narrow stripes all over and a deep neck: there is no edit that would not show on it."""
    picture = deepen_neck(t_shirt(printed=False), RegionName.COLLAR, rng())
    assert picture is not None
    pixels = picture.pixels.copy()
    striped = picture.mask.astype(bool) & (np.arange(SIDE) % 10 < 4)
    striped[:90] = False
    pixels[striped] = (240, 210, 40)
    return replace(picture, pixels=pixels)


def test_what_shipped_copies_are_drawn_from_has_not_grown() -> None:
    """One name more, or another order, would make another copy of every seed."""
    drawn = [(region.value, name, odds) for region in REGIONS for name, (_, odds) in edits_for(region).items()]
    assert hashlib.sha256(repr(drawn).encode()).hexdigest()[:12] == "8d3b80546296"


def test_the_later_edits_are_drawn_where_they_are_asked_for() -> None:
    """Every one of them comes up, and shows in its own region alone."""
    picture, seen = striped_v_neck(), set()
    for region in REGIONS:
        for seed in range(25):
            edited = alter_regions(
                picture.pixels, picture.mask, picture.landmarks, [region], rng(seed), kinds_for=every_edit_for
            )
            assert edited.altered == (region,)
            assert visible_change(picture, edited.picture, region) >= VISIBLE_SHARE
            later = set(edited.edits) - set(edits_for(region))
            seen |= later
            for other in REGIONS:
                if other is not region and later:
                    assert visible_change(picture, edited.picture, other) < VISIBLE_SHARE, edited.edits
    assert seen == {"crew_collar", "v_collar", "stand_collar", "polo_collar", "mosaic", "words_swapped", "waist_shape"}


def test_a_mosaic_is_flat_inside_its_tiles() -> None:
    """The print is there, coarser: neighbouring pixels are alike far more often than before."""
    picture = t_shirt()
    tiled = mosaic(picture, RegionName.CHEST, rng())
    assert tiled is not None
    inside = (slice(105, 135), slice(105, 150))
    steps = [np.abs(np.diff(p.pixels[inside].astype(int), axis=1)).max(axis=-1) for p in (picture, tiled)]
    flat = [(step == 0).mean() for step in steps]
    assert flat[0] < 0.2
    assert flat[1] > 0.7
    assert np.abs(tiled.pixels[inside].mean(axis=(0, 1)) - picture.pixels[inside].mean(axis=(0, 1))).max() < 8


@pytest.mark.parametrize("edit", [mosaic, swap_words])
def test_a_print_edit_wants_a_print(edit: Edit) -> None:
    """A plain chest has none; a sleeve is not asked."""
    assert edit(t_shirt(printed=False), RegionName.CHEST, rng()) is None
    assert edit(t_shirt(), RegionName.LEFT_SLEEVE, rng()) is None


def test_other_words_stand_where_the_print_was() -> None:
    """In its box, and nowhere else on the chest; the old print's middle is not all of its colour any more."""
    picture = t_shirt()
    swapped = swap_words(picture, RegionName.CHEST, rng(1))
    assert swapped is not None
    chest = region_area(picture, RegionName.CHEST) > 0
    box = np.zeros_like(chest)
    box[94:142, 92:156] = True
    beside = swapped.pixels[chest & ~box].astype(int)
    assert np.abs(np.median(beside, axis=0) - CLOTH).max() < 12
    assert (np.abs(beside - CLOTH).max(axis=-1) > 60).mean() < 0.02
    lettered = np.abs(swapped.pixels[chest & box].astype(int) - CLOTH).max(axis=-1) > 60
    assert 0.1 < lettered.mean() < 0.8


@pytest.mark.parametrize("neck", Neck)
def test_a_collar_is_made_into_any_of_the_four(neck: Neck) -> None:
    """The neckline lies as deep as that collar's does, and only the collar changes."""
    picture = t_shirt()
    made = reshape_collar(picture, RegionName.COLLAR, rng(3), neck)
    assert made is not None
    assert visible_change(picture, made, RegionName.COLLAR) >= VISIBLE_SHARE
    line = (made.point("neck_L") + made.point("neck_R")) / 2
    depth = (made.point("neck_front_center")[1] - line[1]) / picture.body_width
    assert DEPTHS[neck][0] - 0.01 < depth < DEPTHS[neck][1] + 0.01
    for region in (RegionName.WAIST, RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE):
        assert visible_change(picture, made, region) < 0.02


def test_a_stand_collar_reaches_above_the_neck() -> None:
    """The mask grows upwards; a crew neck leaves it."""
    picture = t_shirt()
    stand, crew = (reshape_collar(picture, RegionName.COLLAR, rng(), neck) for neck in (Neck.STAND, Neck.CREW))
    assert stand is not None
    assert crew is not None
    tops = [int(np.nonzero(p.mask.any(axis=1))[0][0]) for p in (picture, crew, stand)]
    assert tops[1] == tops[0]
    assert tops[2] < tops[0] - 8


def test_only_a_collar_becomes_a_collar() -> None:
    assert reshape_collar(t_shirt(), RegionName.CHEST, rng(), Neck.V) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_shaped_waist_is_narrower_and_lays_the_ground_bare(seed: int) -> None:
    """The mask shrinks below the chest; landmarks of the sides stay on the new outline, sleeves where they were."""
    picture = t_shirt(printed=False)
    shaped = shape_waist(picture, RegionName.WAIST, rng(seed))
    assert shaped is not None
    gone = (picture.mask > 0) & (shaped.mask == 0)
    assert gone.sum() > 400
    assert np.abs(np.median(shaped.pixels[gone], axis=0) - GROUND).max() < 25
    rows = np.nonzero(gone.any(axis=1))[0]
    assert rows[0] > picture.point("armpit_L")[1]
    for slot in ("side_lower_L", "side_lower_R", "cuff_outer_L"):
        x, y = shaped.point(slot).round().astype(int)
        near = shaped.mask[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
        assert 0 < near.mean() < 1, slot
    assert np.array_equal(shaped.point("cuff_outer_L"), picture.point("cuff_outer_L"))


def test_a_crop_carries_the_landmarks_along() -> None:
    """What left the window is invisible; what stayed shows the same cloth at its place."""
    picture = t_shirt()
    cropped = crop_picture(picture, rng(2), (0.6, 0.7))
    assert 0.6 * SIDE - 1 <= cropped.width <= 0.7 * SIDE + 1
    assert cropped.pixels.shape[:2] == cropped.mask.shape
    marks = cropped.landmarks
    assert 0 < marks.visible.sum() < len(marks.visible)
    for at in np.flatnonzero(marks.visible):
        (x, y), (u, v) = marks.points_xy[at].astype(int), picture.landmarks.points_xy[at].astype(int)
        assert np.array_equal(cropped.pixels[y, x], picture.pixels[v, u])


@pytest.mark.parametrize("kept", [(0.0, 0.5), (0.8, 0.6), (0.5, 1.2)])
def test_a_crop_of_nothing_or_of_more_than_the_photo_is_refused(kept: tuple[float, float]) -> None:
    with pytest.raises(InvalidValue):
        crop_picture(t_shirt(), rng(), kept)
