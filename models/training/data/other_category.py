"""A copy in another category: both sleeves of a long-sleeved garment cut to those of a T-shirt."""

from __future__ import annotations

import numpy as np

from models.taxonomy import Category
from models.training.data.edit_shape import shorten_sleeve
from models.training.data.garment_picture import SLEEVES, GarmentPicture
from models.training.data.region_edits import VISIBLE_SHARE, EditedPhoto, visible_change

SHORT_SLEEVES = "short_sleeves"
"""The name of the edit."""
KEPT = (0.22, 0.4)
"""Share of a long sleeve that a short one keeps: from above the biceps to the elbow."""


def has_long_sleeves(category: Category) -> bool:
    return category.value.startswith("long_sleeve")


def cut_sleeves_short(picture: GarmentPicture, rng: np.random.Generator) -> EditedPhoto | None:
    """The garment with both sleeves cut off at one share of their length; None where they are short, or hardly show.

    Landmarks keep the slots of the old category, moved up the sleeve.
    """
    if not has_long_sleeves(picture.landmarks.category):
        return None
    kept = float(rng.uniform(*KEPT))
    edited = picture
    for name in SLEEVES:
        cut = shorten_sleeve(edited, name, rng, kept)
        if cut is None or visible_change(edited, cut, name) < VISIBLE_SHARE:
            return None
        edited = cut
    return EditedPhoto(edited.pixels, edited.mask, edited.landmarks, SLEEVES, (SHORT_SLEEVES, SHORT_SLEEVES))
