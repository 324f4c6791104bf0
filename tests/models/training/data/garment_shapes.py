"""A T-shirt of straight lines: its 19 points and its mask, for tests without photos."""

import cv2
import numpy as np

from models.training.data.hand_landmarks import KEYS
from models.training.data.outlines import Mask

Points = dict[str, tuple[float, float, int]]

_LEFT = {
    "neck_left": (85, 40),
    "shoulder_left": (60, 48),
    "elbow_left": (42, 68),
    "cuff_outer_left": (25, 90),
    "cuff_inner_left": (42, 105),
    "armpit_left": (62, 88),
    "waist_left": (62, 140),
    "hem_left": (62, 190),
}
_MIDDLE = {"hem_center": (100, 190), "neck_back": (100, 40), "neck_front": (100, 58)}
WIDTH, HEIGHT = 200, 230


def tee(*, wide: float = 1.0, long: float = 1.0) -> Points:
    """The points, all visible, of a tee stretched about its middle and down from its neck."""
    points: Points = {}
    for key in KEYS:
        if key in _MIDDLE:
            x, y = _MIDDLE[key]
        elif key in _LEFT:
            x, y = _LEFT[key]
        else:
            x, y = _LEFT[key.replace("right", "left")]
            x = 200 - x
        points[key] = (100 + (x - 100) * wide, 40 + (y - 40) * long, 2)
    return points


def tee_mask(points: Points) -> Mask:
    """uint8 (230, 200), 1 inside the tee."""
    ring = [key for key in KEYS if key != "neck_front"]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round([points[key][:2] for key in ring]).astype(np.int32)], 1)
    return mask
