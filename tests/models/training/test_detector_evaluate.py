"""How detections are judged."""

import pytest

from models.geometry import Box
from models.taxonomy import Category, WeightGroup
from models.training.detector.evaluate import Looked, choose_least_confidence, measure
from models.types import Detection

TRUE = Box(0, 0, 100, 100)
LOOSE = Box(0, 0, 100, 60)


def looked(*detections: Detection, box: Box | None = TRUE) -> Looked:
    return Looked("a.jpg", box, WeightGroup.T_SHIRT if box else None, detections)


def test_a_tight_box_of_the_right_group_is_found_whatever_the_category() -> None:
    """A vest taken for a short sleeve top is in the right group."""
    figures = measure([looked(Detection(TRUE, Category.VEST, 0.9))], 0.5)
    assert (figures.recall, figures.false_boxes) == (1.0, 0.0)


def test_a_wrong_group_is_missed_and_a_false_box() -> None:
    """It is not found as what it is, and the box says something untrue."""
    figures = measure([looked(Detection(TRUE, Category.SKIRT, 0.9))], 0.5)
    assert (figures.recall, figures.box_recall, figures.false_boxes) == (0.0, 1.0, 1.0)
    assert figures.confusion == {(WeightGroup.T_SHIRT, WeightGroup.BOTTOM): 1}


def test_a_loose_box_is_not_found() -> None:
    """IoU 0.6 is below 0.75."""
    figures = measure([looked(Detection(LOOSE, Category.VEST, 0.9))], 0.5)
    assert (figures.recall, figures.false_boxes) == (0.0, 1.0)
    assert figures.mean_iou == pytest.approx(0.6)


def test_boxes_below_the_threshold_do_not_exist() -> None:
    """They neither find nor disturb."""
    figures = measure([looked(Detection(TRUE, Category.VEST, 0.4), Detection(LOOSE, Category.SKIRT, 0.3))], 0.5)
    assert (figures.recall, figures.false_boxes) == (0.0, 0.0)


def test_any_box_on_a_photo_without_garments_is_false() -> None:
    """Two boxes on shoes and a found garment: one false box a photo."""
    shoes = looked(Detection(TRUE, Category.VEST, 0.9), Detection(LOOSE, Category.VEST, 0.9), box=None)
    figures = measure([shoes, looked(Detection(TRUE, Category.VEST, 0.9))], 0.5)
    assert (figures.recall, figures.false_boxes) == (1.0, 1.0)


def test_the_threshold_keeps_the_true_boxes_and_drops_the_false() -> None:
    """True ones at 0.8 and above, false ones at 0.6: anything between them will do, the highest is taken."""
    photos = [
        looked(Detection(TRUE, Category.VEST, 0.8 + n / 50), Detection(LOOSE, Category.SKIRT, 0.6)) for n in range(5)
    ]
    assert choose_least_confidence(photos) == pytest.approx(0.8)
