"""The demo catalogue registers two dozen designs and offers photos to try."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.preprocessing import ImageLimits, decode
from service.demo.catalogue import demo_catalogue, demo_copies, demo_photo
from service.demo.recolouring import recoloured, turned
from service.demo.wardrobe import WARDROBE


def test_names_are_unique_and_many() -> None:
    """Item ids come from names."""
    names = [design.name for design in WARDROBE]
    assert len(set(names)) == len(names) >= 24


def test_all_sorts_of_upper_garments_are_there() -> None:
    """T-shirts, long sleeves, jackets, dresses and sleeveless ones."""
    assert len({design.category for design in WARDROBE}) >= 6
    assert len({design.collar for design in WARDROBE}) == 7
    assert len({design.cloth.print for design in WARDROBE}) == 5


def test_items_come_one_by_one_and_decode() -> None:
    """A caller may stop after a few."""
    first, second = itertools.islice(demo_catalogue(), 2)
    assert (first.item_id, second.item_id) == ("demo-sunset-tee", "demo-cat-tee")
    assert first.published_at < second.published_at
    assert decode(first.jpeg, ImageLimits()).width == 600


def test_copies_name_the_design_they_copy() -> None:
    """Every copy points at a registered item, but the original, which points at none."""
    registered = {f"demo-{design.name}" for design in WARDROBE}
    pointed = {copy.name: copy.item_id for copy in demo_copies()}
    assert pointed.pop("original") is None
    assert set(pointed.values()) <= registered
    assert set(pointed) == {"partial-copy", "colourway", "flipped", "same-photo"}


def test_the_partial_copy_differs_in_the_collar_only() -> None:
    """One region altered."""
    copy = next(copy for copy in demo_copies() if copy.name == "partial-copy")
    original = next(design for design in WARDROBE if f"demo-{design.name}" == copy.item_id)
    assert copy.altered == ("collar",)
    assert (copy.design.cloth, copy.design.graphic) == (original.cloth, original.graphic)
    assert copy.design.collar != original.collar


def test_the_same_photo_is_the_registered_picture() -> None:
    """Bit for bit what the catalogue holds."""
    photo = demo_photo("same-photo")
    item = next(itertools.islice(demo_catalogue(), 1, 2))
    assert photo is not None
    assert photo.jpeg() == item.jpeg


def test_an_unknown_demo_photo_is_none() -> None:
    """Nothing is drawn for a name that is not there."""
    assert demo_photo("nothing") is None


def test_another_colourway_turns_every_hue_and_no_grey() -> None:
    """Lightness and pattern stay."""
    garden = next(design for design in WARDROBE if design.name == "garden-dress")
    other = recoloured(garden, 120)
    assert other.cloth.colours[0] != garden.cloth.colours[0]
    assert (other.cloth.print, other.cloth.seed, other.cut) == (garden.cloth.print, garden.cloth.seed, garden.cut)
    assert turned((128, 128, 128), 120) == (128, 128, 128)
    assert turned((255, 0, 0), 120) == (0, 255, 0)
    assert np.ptp(turned((40, 90, 200), 77)) == pytest.approx(160, abs=1)
