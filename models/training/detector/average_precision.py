"""Average precision of boxes, as COCO takes it: 101 recall levels, each photo's boxes matched surest first.

Source: Lin et al., "Microsoft COCO: Common objects in context" (ECCV 2014) and its evaluation's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.geometry import Box, intersection_over_union

LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class MarkedPhoto:
    """The true boxes of one kind on a photo, and the boxes that were called so with their confidence (0..1)."""

    true: tuple[Box, ...]
    found: tuple[tuple[Box, float], ...]


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """How many true boxes a photo has, and (confidence, right) of every box found on it."""

    wanted: int
    found: tuple[tuple[float, bool], ...]


def judge_boxes(photo: MarkedPhoto, least_overlap: float) -> JudgedPhoto:
    """A true box is found once, by the surest box that fits; what fits nothing that is left is wrong."""
    left = list(photo.true)
    judged = []
    for box, confidence in sorted(photo.found, key=lambda one: -one[1]):
        best = max(left, key=lambda true: intersection_over_union(true, box), default=None)
        hit = best is not None and intersection_over_union(best, box) >= least_overlap
        if hit and best is not None:
            left.remove(best)
        judged.append((confidence, hit))
    return JudgedPhoto(len(photo.true), tuple(judged))


def average_precision(photos: Sequence[JudgedPhoto]) -> float:
    """0..1; NaN where no photo has a true box."""
    wanted = sum(photo.wanted for photo in photos)
    if not wanted:
        return float("nan")
    judged = [one for photo in photos for one in photo.found]
    right = np.array([hit for _, hit in sorted(judged, key=lambda one: -one[0])], dtype=np.float64)
    if not right.any():
        return 0.0
    recall = right.cumsum() / wanted
    # The best precision at this recall or a higher one.
    precision = np.maximum.accumulate((right.cumsum() / np.arange(1, len(right) + 1))[::-1])[::-1]
    places = np.searchsorted(recall, LEVELS - 1e-9)
    return float(np.mean([precision[place] if place < len(precision) else 0.0 for place in places]))
