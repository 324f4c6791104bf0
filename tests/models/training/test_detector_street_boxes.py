"""What street photos are labelled with, as boxes."""

from pathlib import Path

import numpy as np
from PIL import Image

from models.geometry import Box
from models.taxonomy import Category
from models.training.detector.street_boxes import StreetKind, kind_of, street_boxes

CLASSES = ("null", "jacket", "jeans", "romper", "shoes", "dress")


def test_garments_have_boxes_and_shoes_have_none(tmp_path: Path) -> None:
    """Nor have garments that are of several kinds, nor scraps."""
    labels = np.zeros((100, 100), np.uint8)
    labels[10:40, 20:80] = 1
    labels[40:90, 30:70] = 2
    labels[90:100, :50] = 4
    labels[0:10, :50] = 3
    labels[0:5, 95:100] = 5
    Image.fromarray(labels).save(tmp_path / "labels.png")
    assert street_boxes(tmp_path / "labels.png", CLASSES) == [
        (StreetKind.UPPER, Box(20, 10, 80, 40)),
        (StreetKind.LOWER, Box(30, 40, 70, 90)),
    ]


def test_every_category_is_of_one_kind() -> None:
    """What detections are sorted by."""
    assert kind_of(Category.VEST) is StreetKind.UPPER
    assert kind_of(Category.VEST_DRESS) is StreetKind.DRESS
    assert kind_of(Category.SHORTS) is StreetKind.LOWER
