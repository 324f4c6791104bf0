"""A T-shirt drawn with its landmarks, mask and a print: pictures to edit where there are no photos."""

import cv2
import numpy as np

from models.regions import garment_outline
from models.taxonomy import Category, slots_of
from models.training.data.garment_picture import GarmentPicture, fill_polygon
from models.types import Landmarks

LEFT = {
    "neck_back_center": (128, 36), "neck_L": (102, 36), "neck_front_L": (112, 52), "neck_front_center": (128, 58),
    "shoulder_L": (72, 46), "sleeve_outer_mid_L": (50, 74), "cuff_outer_L": (26, 106), "cuff_inner_L": (50, 120),
    "sleeve_inner_mid_L": (64, 106), "armpit_L": (78, 98), "side_upper_L": (78, 144), "side_lower_L": (78, 192),
    "hem_L": (78, 236), "hem_center": (128, 238),
}  # fmt: skip
SIDE = 256
CLOTH = (60, 90, 170)
GROUND = (215, 205, 190)


def t_shirt_landmarks() -> Landmarks:
    """The 25 slots of a T-shirt in a picture of 256×256, the right half mirroring the left."""
    slots = slots_of(Category.SHORT_SLEEVE_TOP)
    points = []
    for slot in slots:
        x, y = LEFT.get(slot.name) or LEFT[slots[slot.mirror - 1].name]
        points.append((x if slot.name in LEFT else SIDE - x, y))
    return Landmarks(Category.SHORT_SLEEVE_TOP, np.array(points), np.ones(25), np.ones(25, bool))


def t_shirt(cloth: tuple[int, int, int] = CLOTH, *, printed: bool = True) -> GarmentPicture:
    """A plain or printed T-shirt on a light ground, with a little grain so that nothing is perfectly flat."""
    marks = t_shirt_landmarks()
    mask = fill_polygon((SIDE, SIDE), garment_outline(marks))
    pixels = np.where(mask[..., None] > 0, cloth, GROUND).astype(np.float32)
    if printed:
        cv2.circle(pixels, (118, 118), 18, (240, 210, 40), -1)
        cv2.circle(pixels, (140, 126), 8, (220, 40, 40), -1)
    grain = np.random.default_rng(1).normal(0, 2, (SIDE, SIDE, 1))
    return GarmentPicture((pixels + grain).clip(0, 255).astype(np.uint8), mask, marks)
