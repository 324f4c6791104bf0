"""The evidence is drawn where it is."""

from __future__ import annotations

import cv2
import numpy as np

from models.types import DescribedPhoto, Image
from service.overlay import LONGEST_SIDE, draw_overlay
from tests.fakes import FakeDescriber
from tests.photos import draw_pattern


def _decoded(png: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def test_nothing_is_drawn_where_nothing_was_seen() -> None:
    """The photo comes back as it was."""
    image = Image(draw_pattern(1), "a" * 64)
    nothing = DescribedPhoto(image.sha256, image.width, image.height, "m", (), {})
    assert np.array_equal(_decoded(draw_overlay(image, nothing)), image.pixels)


def test_boxes_and_points_change_the_picture_where_they_are() -> None:
    """And leave what is far from the garment alone."""
    image = Image(np.full((300, 240, 3), 128, np.uint8), "a" * 64)
    seen = FakeDescriber().describe(Image(draw_pattern(1), "a" * 64))
    drawn = _decoded(draw_overlay(image, seen))
    changed = np.argwhere((drawn != 128).any(axis=2))
    box = seen.garments[0].detection.box
    assert (drawn[round(box.y1), round(box.x1) : round(box.x2)] != 128).any(axis=1).mean() > 0.9
    assert changed[:, 0].min() >= box.y1 - 8
    assert changed[:, 0].max() <= box.y2 + 8


def test_a_large_photo_is_drawn_smaller() -> None:
    """An overlay is for eyes."""
    image = Image(np.zeros((2_000, 4_000, 3), np.uint8), "a" * 64)
    nothing = DescribedPhoto(image.sha256, image.width, image.height, "m", (), {})
    assert _decoded(draw_overlay(image, nothing)).shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)
