"""Which photos the detector learns from, and what is marked on them."""

import dataclasses

import cv2
import numpy as np
import pytest

from models.taxonomy import Category
from models.training.data.compositing import mask_box
from models.training.data.readers import Fold, data_root, read_garments
from models.training.detector.admissible import OF_GARMENT_LABEL
from models.training.detector.scenes import garment_admissible, is_sound, read_scenes, untrained_labels

HAVE_PHOTOS = (data_root() / "garments" / "labels.csv").exists()
needs_photos = pytest.mark.skipif(not HAVE_PHOTOS, reason="the photos of ../shared/data are not here")


def test_a_mask_of_scraps_is_not_sound() -> None:
    """Masks that hold letters of a print have a large hull and little in it."""
    mask = np.zeros((200, 150), np.uint8)
    mask[20:180:20, 20:130] = 255
    assert not is_sound(mask)


def test_a_mask_of_a_small_print_is_not_sound() -> None:
    """A garment photo is mostly garment."""
    mask = np.zeros((200, 150), np.uint8)
    cv2.circle(mask, (75, 90), 20, 255, -1)
    assert not is_sound(mask)


def test_a_mask_of_a_shirt_with_sleeves_is_sound() -> None:
    """Notches under the arms are no holes; an empty mask is."""
    mask = np.zeros((200, 150), np.uint8)
    cv2.fillPoly(
        mask, [np.array([[5, 90], [50, 20], [100, 20], [145, 90], [110, 90], [110, 180], [40, 180], [40, 90]])], 255
    )
    assert is_sound(mask)
    assert not is_sound(np.zeros_like(mask))


@needs_photos
@pytest.mark.photos
def test_a_reading_by_eye_outweighs_the_contributors_label() -> None:
    """Where both are there the DeepFashion2 category is exact; a reading found unfit leaves the photo out."""
    photo = next(g for g in read_garments(data_root()) if g.label == "Shirt" and g.ok and g.category)
    assert list(garment_admissible(photo) or ()) == [photo.category]
    unread = dataclasses.replace(photo, df2="", category=None, ok=False)
    assert garment_admissible(unread) == OF_GARMENT_LABEL["Shirt"]
    assert garment_admissible(dataclasses.replace(photo, ok=False)) is None


@needs_photos
@pytest.mark.photos
def test_categories_without_training_photos_are_named() -> None:
    """One sling and one short sleeve outwear in the training fold do not make them trained."""
    garments = read_garments(data_root())
    assert set(untrained_labels(garments)) == {Category.SLING, Category.SHORT_SLEEVE_OUTWEAR}
    calibration = [g for g in garments if g.fold is Fold.CALIBRATION]
    assert set(untrained_labels(calibration)) == set(Category)


@needs_photos
@pytest.mark.photos
def test_every_source_gives_scenes_with_their_garments_inside() -> None:
    """The real readers, from files to masks, once over a part of everything."""
    scenes = read_scenes(data_root(), every=40)
    assert {scene.source for scene in scenes} == {"garment", "street", "store", "nothing"}
    for scene in scenes:
        assert max(scene.pixels.shape) <= 400
        assert (scene.source == "nothing") <= (not scene.garments)
        for garment in scene.garments:
            assert garment.mask.shape == scene.pixels.shape[:2] and garment.admissible
            assert mask_box(garment.mask) is not None
