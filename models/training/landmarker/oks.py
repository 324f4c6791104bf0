"""Object keypoint similarity and its average precision, as DeepFashion2 scores landmarks.

OKS = mean over labelled points of exp(−d² / (2 s² (2σ)²)), s² the area of the true box, σ of each slot by the data set.
AP is COCO's: precision at 101 recalls, a mean over OKS thresholds 0.50:0.05:0.95, and over the categories.
Source: switchablenorms/DeepFashion2 @fdf5ac3, `deepfashion2_api/PythonAPI/pycocotools/cocoeval.py` (`computeOks`,
`accumulate`); the sigmas lie in `models/df2_landmarks.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.geometry import Box
from models.taxonomy import Category, slots_of

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALLS = np.linspace(0, 1, 101)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A found garment of a photo: how sure the detector was, and its OKS with the photo's true garment.

    `category` is what it was found to be: it counts for the photos of that category alone.
    """

    photo: str
    category: Category
    confidence: float
    oks: float


def keypoint_similarity(found: npt.ArrayLike, true: npt.ArrayLike, sigmas: npt.ArrayLike, box: Box) -> float:
    """OKS 0..1 of points (n, 2) in pixels with `sigmas` (n,); 0 without points."""
    distances = np.linalg.norm(np.asarray(found, np.float64) - np.asarray(true, np.float64), axis=-1)
    if not distances.size:
        return 0.0
    spreads = 2 * box.area * (2 * np.asarray(sigmas, np.float64)) ** 2
    return float(np.exp(-(distances**2) / spreads).mean())


def key_sigmas(category: Category, key_slots: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """σ of points that stand for one slot or for the middle of several: the mean of theirs."""
    slots = slots_of(category)
    return {key: float(np.mean([slots[position].sigma for position in held])) for key, held in key_slots.items()}


def average_precision(estimates: Sequence[Estimate], true: Mapping[str, Category]) -> float:
    """AP 0..1 of estimates on photos with one true garment each (`true`: photo → its category)."""
    kinds = sorted(set(true.values()))
    return float(np.mean([[_precision(estimates, true, kind, least) for least in THRESHOLDS] for kind in kinds]))


def _precision(estimates: Sequence[Estimate], true: Mapping[str, Category], kind: Category, least: float) -> float:
    """COCO's AP at one threshold and category: the surest estimates first, each true garment found once."""
    wanted = {photo for photo, category in true.items() if category is kind}
    taken: set[str] = set()
    hits = []
    for estimate in sorted((e for e in estimates if e.category is kind), key=lambda e: -e.confidence):
        hit = estimate.photo in wanted and estimate.photo not in taken and estimate.oks >= least
        hits.append(hit)
        if hit:
            taken.add(estimate.photo)
    return interpolated_precision(hits, len(wanted))


def interpolated_precision(hits: Sequence[bool], wanted: int) -> float:
    """Area under precision and recall of ranked answers, 101 recalls, precision made to fall (COCO)."""
    if not wanted or not hits:
        return 0.0
    found = np.cumsum(hits)
    precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(found / wanted, RECALLS, side="left")
    return float(np.where(places < len(hits), precision[np.minimum(places, len(hits) - 1)], 0.0).mean())
