"""The renderer draws garments and knows the truth about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import InvalidValue
from models.geometry import Box
from models.preprocessing import ImageLimits, decode
from models.regions import locate_regions
from models.taxonomy import Category, RegionName, slots_of
from service.demo.designs import Cloth, Cut, GarmentDesign, Print
from service.demo.renderer import RenderedPhoto, render, rephotographed
from service.demo.scenes import Scene
from service.demo.wardrobe import UNREGISTERED, WARDROBE

SMALL = Scene.drawn(5, 240, 300)
BY_NAME = {design.name: design for design in WARDROBE}
ONE_A_CATEGORY = {design.category: design for design in WARDROBE}


@pytest.fixture(scope="module", params=sorted(ONE_A_CATEGORY), ids=str)
def photo(request: pytest.FixtureRequest) -> RenderedPhoto:
    """One small photo a category."""
    return render(ONE_A_CATEGORY[request.param], SMALL)


def test_the_same_design_and_scene_give_the_same_pixels() -> None:
    """Demo and tests can rely on every pixel."""
    design = BY_NAME["sunset-tee"]
    assert np.array_equal(render(design, SMALL).pixels, render(design, SMALL).pixels)


def test_another_scene_gives_another_picture_of_the_same_design() -> None:
    """Photographed anew, the garment lies elsewhere."""
    first, second = render(BY_NAME["cat-tee"], SMALL), render(BY_NAME["cat-tee"], rephotographed(SMALL, 9))
    assert first.box != second.box
    assert np.abs(first.pixels.astype(float) - second.pixels).mean() > 5


def test_the_box_is_the_mask_s(photo: RenderedPhoto) -> None:
    """Box and mask say the same."""
    rows, columns = np.nonzero(photo.mask)
    assert photo.box == Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert 0.15 < photo.mask.mean() < 0.8


def test_every_slot_of_the_category_lies_on_the_garment(photo: RenderedPhoto) -> None:
    """Landmarks are where the garment is, give or take two pixels of its soft edge."""
    near = photo.box.diagonal * 0.02
    rows, columns = np.nonzero(photo.mask)
    outline = np.stack([columns, rows], axis=1) + 0.5
    for slot, point in zip(slots_of(photo.design.category), photo.landmarks.points_xy, strict=True):
        gap = np.linalg.norm(outline - point, axis=1).min()
        assert gap < near, f"{slot.name} is {gap:.1f} px off the garment"


def test_landmarks_of_the_left_lie_left_of_their_mirror(photo: RenderedPhoto) -> None:
    """Left and right are sides of the picture."""
    slots = slots_of(photo.design.category)
    for slot, point in zip(slots, photo.landmarks.points_xy, strict=True):
        if slot.name.endswith("_L"):
            assert point[0] < photo.landmarks.points_xy[slot.mirror - 1][0]


def test_all_regions_a_category_has_can_be_located(photo: RenderedPhoto) -> None:
    """The truth is good enough for the region rule."""
    regions = locate_regions(photo.landmarks, photo.pixels.shape[1], photo.pixels.shape[0])
    expected = 5 if photo.design.category.has_sleeves else 3
    assert sum(region.visible for region in regions) == expected


def test_a_flipped_photo_is_the_mirror_image() -> None:
    """Pixels, mask and landmarks flip together, and slots swap their sides."""
    design = BY_NAME["track-jacket"]
    plain, flipped = render(design, SMALL), render(design, replace(SMALL, flipped=True))
    assert np.array_equal(flipped.pixels, plain.pixels[:, ::-1])
    assert np.array_equal(flipped.mask, plain.mask[:, ::-1])
    for slot in slots_of(design.category):
        x, y = plain.landmarks.points_xy[slot.number - 1]
        assert flipped.landmarks.points_xy[slot.mirror - 1] == pytest.approx((SMALL.width - x, y), abs=1e-3)


def test_the_chest_print_is_on_the_chest() -> None:
    """A change of print changes the chest and nothing else of note."""
    design = BY_NAME["sunset-tee"]
    printed, plain = render(design, SMALL), render(replace(design, graphic=None), SMALL)
    changed = np.abs(printed.pixels.astype(float) - plain.pixels).max(axis=2) > 40
    chest = locate_regions(printed.landmarks, SMALL.width, SMALL.height)[RegionName.CHEST.row].box
    assert chest is not None
    rows, columns = np.nonzero(changed)
    inside = (columns >= chest.x1) & (columns <= chest.x2) & (rows >= chest.y1) & (rows <= chest.y2)
    assert len(rows) > 200
    assert inside.mean() > 0.75


def test_a_jpeg_goes_through_the_service_s_own_decoder() -> None:
    """The demo takes the same road as every upload."""
    photo = render(UNREGISTERED, SMALL)
    image = decode(photo.jpeg(), ImageLimits())
    assert (image.width, image.height) == (SMALL.width, SMALL.height)
    assert np.abs(image.pixels.astype(float) - photo.pixels).mean() < 12
    assert np.array_equal(decode(photo.png(), ImageLimits()).pixels, photo.pixels)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cloth(()),
        lambda: Cloth(((300, 0, 0),)),
        lambda: Cloth(((0, 0, 0),), Print.STRIPED),
        lambda: Cloth(((0, 0, 0),), period=0.0),
        lambda: GarmentDesign("x", "x", Category.TROUSERS, Cloth(((0, 0, 0),))),
        lambda: GarmentDesign("x", "x", Category.VEST, Cloth(((0, 0, 0),)), cut=Cut(sleeve_length=0.5)),
    ],
)
def test_a_design_that_contradicts_itself_is_refused(make: object) -> None:
    """Designs are checked when made."""
    assert callable(make)
    with pytest.raises(InvalidValue):
        make()
