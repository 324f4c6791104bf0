"""Boxes of the garments that street photos are labelled with, by what they cover: upper body, lower, or both."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import numpy as np

from models.geometry import Box
from models.taxonomy import Category
from models.training.data.compositing import mask_box
from models.training.detector.admissible import OF_STREET_CLASS
from models.training.detector.scenes import SMALLEST_SHARE, read_label_map


class StreetKind(StrEnum):
    """What co-parsing classes can be measured by: they carry no sleeve length."""

    UPPER = "upper"
    DRESS = "dress"
    LOWER = "lower"


def kind_of(category: Category) -> StreetKind:
    if category.is_bottom:
        return StreetKind.LOWER
    return StreetKind.DRESS if category.value.endswith("dress") else StreetKind.UPPER


def street_boxes(labels: Path, classes: tuple[str, ...]) -> list[tuple[StreetKind, Box]]:
    """Kind and box (photo pixels) of every garment class on a photo whose classes are all of one kind.

    Rompers and suits are of several and left out, as are scraps below `SMALLEST_SHARE` of the photo.
    """
    pixels = read_label_map(labels)
    found = []
    for index in np.unique(pixels):
        kinds = {kind_of(category) for category in OF_STREET_CLASS.get(classes[int(index)], ())}
        mask = np.where(pixels == index, 255, 0).astype(np.uint8)
        box = mask_box(mask)
        if len(kinds) == 1 and box is not None and (mask > 0).mean() >= SMALLEST_SHARE:
            found.append((kinds.pop(), box))
    return found
