"""Worn garments are cut out where detector and pixel classes agree, and never from the validation photos."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry import Box
from models.runtime.landmarker import LandmarkEstimator
from models.taxonomy import Category
from models.training.data.readers import Fold, read_street
from models.training.data.street_garments import cut_street_garments, read_street_garments
from tests.models.training.data.garment_shapes import HEIGHT, WIDTH, tee, tee_mask
from tests.models.training.data.test_unread import MANIFEST, OneBox, Peaks

CLASSES = "null sweater jeans"
PHOTOS = 12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Street photos that each show one sweater."""
    for folder in ("photos", "labels"):
        (tmp_path / "coparsing" / folder).mkdir(parents=True)
    (tmp_path / "coparsing" / "classes.txt").write_text(CLASSES)
    mask = (tee_mask(tee()) > 0).astype(np.uint8)
    for number in range(PHOTOS):
        cv2.imwrite(str(tmp_path / f"coparsing/photos/{number:04}.jpg"), np.full((HEIGHT, WIDTH, 3), 99, np.uint8))
        cv2.imwrite(str(tmp_path / f"coparsing/labels/{number:04}.png"), mask)
    return tmp_path


def box_of(mask: np.ndarray) -> Box:
    ys, xs = np.nonzero(mask)
    return Box(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


def cut(root: Path, category: Category, box: Box) -> int:
    return cut_street_garments(OneBox(box, category), LandmarkEstimator(Peaks(), MANIFEST), root, root / "cut")


def test_each_training_photo_gives_its_garment_with_its_mask(root: Path) -> None:
    train = [photo for photo in read_street(root) if photo.fold is Fold.TRAIN]
    assert 0 < len(train) < PHOTOS
    assert cut(root, Category.LONG_SLEEVE_TOP, box_of(tee_mask(tee()))) == len(train)
    garments, labels = read_street_garments(root, root / "cut")
    assert {garment.path for garment in garments} == {photo.path for photo in train}
    assert all(garment.category is Category.LONG_SLEEVE_TOP and garment.fold is Fold.TRAIN for garment in garments)
    assert set(labels) == {garment.photo for garment in garments}
    assert garments[0].mask_path is not None and cv2.imread(str(garments[0].mask_path)) is not None


def test_a_category_that_the_pixel_class_rules_out_is_left(root: Path) -> None:
    assert cut(root, Category.VEST_DRESS, box_of(tee_mask(tee()))) == 0


def test_a_box_elsewhere_is_left(root: Path) -> None:
    assert cut(root, Category.LONG_SLEEVE_TOP, Box(0, 0, WIDTH / 4, HEIGHT / 4)) == 0
