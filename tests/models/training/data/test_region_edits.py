"""Altered copies: every edit shows, stays in its region, and can be made again from its seed."""

import numpy as np
import pytest

from models.taxonomy import REGIONS, RegionName
from models.training.data.edit_fabric import add_print, mirror_print, recolour, remove_print
from models.training.data.edit_shape import close_neck, deepen_neck, fill_ground, shorten_hem, shorten_sleeve
from models.training.data.garment_picture import region_area
from models.training.data.region_edits import (
    VISIBLE_SHARE,
    alter_regions,
    cut_patch,
    edits_for,
    visible_change,
)
from tests.models.training.data.drawn_garments import CLOTH, GROUND, t_shirt


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("region", REGIONS)
def test_an_alteration_can_always_be_seen(region: RegionName) -> None:
    """Whatever edit is drawn: a copy called altered differs visibly in that region."""
    picture = t_shirt()
    for seed in range(12):
        edited = alter_regions(picture.pixels, picture.mask, picture.landmarks, [region], rng(seed))
        assert edited.altered == (region,)
        assert visible_change(picture, edited.picture, region) >= VISIBLE_SHARE


@pytest.mark.parametrize("region", REGIONS)
def test_the_other_regions_stay_as_they_were(region: RegionName) -> None:
    """What is outside the altered region's own pixels is the same design; a collar's edge may touch the chest."""
    picture = t_shirt()
    for seed in range(12):
        edited = alter_regions(picture.pixels, picture.mask, picture.landmarks, [region], rng(seed))
        for other in REGIONS:
            if other is not region:
                assert visible_change(picture, edited.picture, other) < VISIBLE_SHARE, edited.edits


def test_a_region_can_be_altered_in_at_least_four_ways_and_the_garment_in_twelve() -> None:
    """Variety is what keeps the network from learning one kind of paint."""
    kinds = {region: set(edits_for(region)) for region in REGIONS}
    assert all(len(names) >= 4 for names in kinds.values())
    assert len(set().union(*kinds.values())) >= 12


def test_the_same_seed_makes_the_same_copy() -> None:
    """A benchmark must be able to make its copies again."""
    picture = t_shirt()
    wanted = [RegionName.CHEST, RegionName.LEFT_SLEEVE]
    copies = [alter_regions(picture.pixels, picture.mask, picture.landmarks, wanted, rng(5)) for _ in range(2)]
    assert copies[0].edits == copies[1].edits
    assert np.array_equal(copies[0].pixels, copies[1].pixels)


def test_a_shorter_sleeve_takes_its_landmarks_along_and_shows_the_ground() -> None:
    """The cuff moves towards the shoulder, the mask shrinks, and the place where cloth was looks like the ground."""
    picture = t_shirt(printed=False)
    cut = shorten_sleeve(picture, RegionName.LEFT_SLEEVE, rng())
    assert cut is not None
    before, after = (np.linalg.norm(p.point("cuff_outer_L") - p.point("shoulder_L")) for p in (picture, cut))
    assert after < 0.7 * before
    gone = (picture.mask > 0) & (cut.mask == 0)
    assert gone.sum() > 200
    assert np.abs(np.median(cut.pixels[gone], axis=0) - GROUND).max() < 25
    assert np.array_equal(cut.point("cuff_outer_R"), picture.point("cuff_outer_R"))


def test_a_shorter_hem_leaves_the_hanging_sleeves_alone() -> None:
    """Only the body loses length."""
    picture = t_shirt()
    cut = shorten_hem(picture, RegionName.WAIST, rng(2))
    assert cut is not None
    assert cut.point("hem_center")[1] < picture.point("hem_center")[1] - 10
    sleeve = region_area(picture, RegionName.RIGHT_SLEEVE) > 0
    assert np.array_equal(cut.mask[sleeve], picture.mask[sleeve])


def test_a_deepened_neck_lies_lower_and_a_closed_one_higher() -> None:
    """The neckline's landmark says so."""
    picture = t_shirt()
    deep, closed = deepen_neck(picture, RegionName.COLLAR, rng()), close_neck(picture, RegionName.COLLAR, rng())
    assert deep is not None
    assert closed is not None
    heights = [p.point("neck_front_center")[1] for p in (closed, picture, deep)]
    assert heights == sorted(heights)
    assert heights[2] - heights[1] > 8


def test_a_removed_print_leaves_plain_cloth() -> None:
    """No pixel of the chest keeps the print's colour."""
    bare = remove_print(t_shirt(), RegionName.CHEST, rng())
    assert bare is not None
    chest = region_area(bare, RegionName.CHEST) > 0
    assert np.abs(bare.pixels[chest].astype(int) - CLOTH).max() < 40


def test_a_print_is_only_removed_where_there_is_one() -> None:
    """A plain chest has none, a sleeve is not asked."""
    assert remove_print(t_shirt(printed=False), RegionName.CHEST, rng()) is None
    assert remove_print(t_shirt(), RegionName.LEFT_SLEEVE, rng()) is None
    assert add_print(t_shirt(), RegionName.COLLAR, rng(), ()) is None


def test_a_mirrored_print_mirrored_again_is_the_first_one() -> None:
    """Flipping the chest's content twice changes no more than the soft edges."""
    picture = t_shirt()
    once = mirror_print(picture, RegionName.CHEST)
    assert once is not None
    twice = mirror_print(once, RegionName.CHEST)
    assert twice is not None
    difference = np.abs(twice.pixels.astype(int) - picture.pixels).max(axis=-1)
    assert np.abs(once.pixels.astype(int) - picture.pixels).max() > 100
    assert (difference[region_area(picture, RegionName.CHEST) > 0] > 30).mean() < 0.02


def test_recolouring_keeps_the_folds() -> None:
    """Dark stripes of shade stay darker than what is around them."""
    picture = t_shirt(printed=False)
    shaded = picture.pixels.copy()
    shaded[:, 120:136] = shaded[:, 120:136] * 0.6
    folded = type(picture)(shaded, picture.mask, picture.landmarks)
    painted = recolour(folded, RegionName.CHEST, rng(3))
    assert painted is not None
    row = painted.pixels[120].astype(int).sum(axis=-1)
    assert row[126:130].mean() < 0.9 * row[95:110].mean()


def test_the_ground_is_filled_in_from_around_the_garment() -> None:
    """Nothing of the cloth's colour is left."""
    picture = t_shirt()
    filled = fill_ground(picture.pixels, picture.mask)
    assert np.abs(filled.astype(int) - GROUND).max() < 40


def test_a_patch_shows_the_chest() -> None:
    """It is square and mostly of the cloth's colour."""
    patch = cut_patch(t_shirt(printed=False))
    assert patch is not None
    assert patch.shape == (96, 96, 3)
    assert np.abs(np.median(patch.reshape(-1, 3), axis=0) - CLOTH).max() < 10
