"""Copies of a drawn garment: what is told of them is true, and they can be made again."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.benchmark.made_copies import make_copy
from models.benchmark.sets import HARD, NEGATIVE, STANDARD, STRONG, SetPlan
from models.taxonomy import REGIONS, RegionName
from models.training.data.copies import CopyMaker, Original
from models.training.data.longer_sleeves import LONG_SLEEVES
from models.training.data.other_category import SHORT_SLEEVES
from models.training.data.region_edits import edits_for, every_edit_for
from tests.models.benchmark.drawn_root import garment_at
from tests.models.training.data.drawn_garments import t_shirt
from tests.models.training.data.test_other_category import long_sleeved

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
MAKER = CopyMaker((NOISE,), (NOISE,))


@pytest.fixture(name="shirt")
def _shirt(tmp_path: Path) -> Original:
    picture = t_shirt()
    return Original(garment_at(tmp_path, "shirt", picture), picture.landmarks)


def test_the_same_seed_makes_the_same_photo(shirt: Original) -> None:
    """And another seed another."""
    first, again, other = (make_copy(MAKER, shirt, HARD, seed) for seed in (0, 0, 1))
    assert first is not None and again is not None and other is not None
    assert first.jpeg() == again.jpeg() != other.jpeg()


@pytest.mark.parametrize(("plan", "fewest", "most"), [(STANDARD, 1, 2), (HARD, 2, 2), (NEGATIVE, 3, 5)])
def test_as_many_regions_are_altered_as_the_plan_says(plan: SetPlan, fewest: int, most: int, shirt: Original) -> None:
    """Or there is no such copy."""
    for seed in range(4):
        copy = make_copy(MAKER, shirt, plan, seed)
        assert copy is None or fewest <= len(copy.altered) <= most


def test_what_lies_under_something_is_told(shirt: Original) -> None:
    """A large piece over a corner hides a region or more; in the standard set nothing lies over anything."""
    hidden = [make_copy(MAKER, shirt, replace(HARD, covered=0.7), seed) for seed in range(3)]
    assert all(copy is not None and copy.covered for copy in hidden)
    plain = make_copy(MAKER, shirt, STANDARD, 0)
    assert plain is not None and plain.covered == ()


def test_a_long_sleeved_garment_may_come_back_with_short_sleeves(tmp_path: Path) -> None:
    """Both sleeves are altered then, and nothing else."""
    picture = long_sleeved()
    original = Original(garment_at(tmp_path, "long", picture), picture.landmarks)
    copy = make_copy(MAKER, original, replace(HARD, other_category=1.0), 0)
    assert copy is not None
    assert set(copy.altered) == {RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE}
    assert set(copy.edits) == {SHORT_SLEEVES}


def test_a_short_sleeved_garment_may_come_back_with_long_sleeves_in_the_strong_set_alone(shirt: Original) -> None:
    """The others were frozen before there was such an edit."""
    copy, hard = (make_copy(MAKER, shirt, replace(plan, other_category=1.0), 0) for plan in (STRONG, HARD))
    assert copy is not None and hard is not None
    assert set(copy.altered) == {RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE}
    assert set(copy.edits) == {LONG_SLEEVES}
    assert LONG_SLEEVES not in hard.edits


def test_a_copy_can_be_read_as_a_photo(shirt: Original) -> None:
    """Its bytes are a JPEG of the picture's size."""
    copy = make_copy(MAKER, shirt, STANDARD, 2)
    assert copy is not None
    read = cv2.imdecode(np.frombuffer(copy.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert read is not None and read.shape == shirt.pixels().shape


def test_later_edits_are_drawn_where_the_plan_says_so(shirt: Original) -> None:
    """The sets that thresholds were made beside know none of them."""
    later = {name for region in REGIONS for name in every_edit_for(region).keys() - edits_for(region).keys()}

    def drawn(plan: SetPlan) -> set[str]:
        copies = [make_copy(MAKER, shirt, plan, seed) for seed in range(12)]
        return {edit for copy in copies if copy is not None for edit in copy.edits}

    assert drawn(STRONG) & later
    assert not drawn(HARD) & later
