"""Templates learnt from hand-placed garments and laid over the masks of the others; how far each key can be trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.taxonomy import Category
from models.training.data.hand_landmarks import HandLandmarks
from models.training.data.outlines import Curve, Mask, Outline, normals_of, outline_of, polygon_overlap, read_mask
from models.training.data.readers import GarmentPhoto
from models.training.data.templates import (
    PER_WAY,
    TemplateFamily,
    dense_shape,
    family_name,
    fit_template,
    is_dress,
    learn_family,
)

OUTLINE_POINTS = 200
SNAP_REACH = 0.04
"""A key is drawn to the outline from this share of its diagonal."""
TURN_PRICE = 0.03
FAR_GAP = 0.02
"""A key whose template point ends this far from the outline (share of the diagonal) gets 1/e of its weight."""
LEAST_OVERLAP = 0.92
MOST_COST = 5e-4


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A hand-placed garment of the training fold whose shape can be learnt from."""

    photo: str
    category: Category
    shape: Curve
    points: dict[str, tuple[float, float, int]]
    outline: Outline
    mask: Mask
    diagonal: float


@dataclass(frozen=True, slots=True, eq=False)
class FittedKeys:
    """Keys of a garment read off its fitted template: x, y in photo pixels and evidence 0..1, high near the outline.

    `overlap` is the template polygon's intersection over union with the mask.
    """

    keys: dict[str, tuple[float, float, float]]
    overlap: float
    cost: float

    @property
    def good(self) -> bool:
        return self.overlap >= LEAST_OVERLAP and self.cost <= MOST_COST


def usable_example(hand: HandLandmarks, garment: GarmentPhoto) -> Example | None:
    """The hand-placed garment as a shape, or None: unfit, no mask, not seen from the front, or a key cut off."""
    if not hand.ok or hand.category is None or garment.mask_path is None or hand.view != "front":
        return None
    mask = read_mask(garment.mask_path)
    outline = outline_of(mask, OUTLINE_POINTS)
    shape = dense_shape(hand.points, outline, family_name(hand.category)) if outline else None
    if outline is None or shape is None or polygon_overlap(shape[:-1], mask) < LEAST_OVERLAP - 0.07:
        return None
    return Example(hand.photo, hand.category, shape, dict(hand.points), outline, mask, hand.box.diagonal)


def learn_templates(examples: Sequence[Example]) -> dict[tuple[str, bool], TemplateFamily]:
    """(family, is a dress) → its template."""
    shapes: dict[tuple[str, bool], list[Curve]] = defaultdict(list)
    for example in examples:
        shapes[family_name(example.category), is_dress(example.category)].append(example.shape)
    return {
        (family, dress): learn_family(family, own, shapes.get((family, not dress), []))
        for (family, dress), own in shapes.items()
    }


def fit_keys(template: TemplateFamily, outline: Outline, mask: Mask) -> FittedKeys:
    """Fit, then draw each key of the ring to the outline where that is near and faces the same way."""
    fit = fit_template(template, outline)
    normals = normals_of(fit.shape[:-1])
    keys = {}
    for key, place in template.keys_of(fit.shape).items():
        if key == "neck_front":
            keys[key] = (float(place[0]), float(place[1]), 1.0)
            continue
        normal = normals[template.keys.index(key) * PER_WAY]
        snapped, gap = _snap(place, normal, outline)
        keys[key] = (float(snapped[0]), float(snapped[1]), float(np.exp(-gap / FAR_GAP)))
    return FittedKeys(keys, polygon_overlap(fit.shape[:-1], mask), fit.cost)


def leave_one_out(examples: Sequence[Example]) -> list[tuple[Example, FittedKeys]]:
    """Each example fitted with templates learnt from all the others."""
    fitted = []
    for number, example in enumerate(examples):
        kind = family_name(example.category), is_dress(example.category)
        alike = [
            other for place, other in enumerate(examples) if place != number and family_name(other.category) == kind[0]
        ]
        fitted.append((example, fit_keys(learn_templates(alike)[kind], example.outline, example.mask)))
    return fitted


def key_errors(fitted: Sequence[tuple[Example, FittedKeys]]) -> dict[str, list[float]]:
    """For each key, distance to the hand-placed point / box diagonal, of good fits and visible points."""
    errors: dict[str, list[float]] = defaultdict(list)
    for example, fit in fitted:
        if not fit.good:
            continue
        for key, (x, y, _) in fit.keys.items():
            truth = example.points[key]
            if truth[2] == 2:
                errors[key].append(float(np.hypot(x - truth[0], y - truth[1])) / example.diagonal)
    return errors


def _snap(place: npt.NDArray[np.float64], normal: npt.NDArray[np.float64], outline: Outline) -> tuple[Curve, float]:
    """The outline point to put a key on (or the key's own place), and the gap / diagonal between the two."""
    apart = np.linalg.norm(outline.points - place, axis=1) / outline.diagonal
    best = int((apart + TURN_PRICE * (1.0 - outline.normals @ normal)).argmin())
    return (outline.points[best] if apart[best] < SNAP_REACH else place), float(apart[best])
