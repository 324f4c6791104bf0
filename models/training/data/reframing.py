"""The photo cut closer: what a copycat's crop leaves of it."""

from __future__ import annotations

import numpy as np

from models.errors import InvalidValue
from models.training.data.garment_picture import GarmentPicture
from models.types import Landmarks


def crop_picture(
    picture: GarmentPicture, rng: np.random.Generator, kept: tuple[float, float] = (0.65, 0.9)
) -> GarmentPicture:
    """A window of `kept` (least, most; 0..1) of width and of height, anywhere; landmarks outside turn invisible.

    Coordinates are pixels of the window. Raises InvalidValue where `kept` is no range within 0..1.
    """
    least, most = kept
    if not 0 < least <= most <= 1:
        raise InvalidValue(f"a crop keeps a share in 0..1 of each side, not {kept}")
    wide, tall = (max(2, round(side * float(rng.uniform(least, most)))) for side in (picture.width, picture.height))
    left, top = int(rng.integers(picture.width - wide + 1)), int(rng.integers(picture.height - tall + 1))
    window = (slice(top, top + tall), slice(left, left + wide))
    marks = picture.landmarks
    points = marks.points_xy - np.array([left, top], dtype=np.float32)
    inside = ((points >= 0) & (points < (wide, tall))).all(axis=1)
    return GarmentPicture(
        picture.pixels[window].copy(),
        picture.mask[window].copy(),
        Landmarks(marks.category, points, marks.confidence, marks.visible & inside),
    )
