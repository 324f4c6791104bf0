"""How good a detector is, measured through the serving class on whole photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.geometry import Box, intersection_over_union
from models.preprocessing import ImageLimits, decode, letterbox, normalise
from models.runtime.detector import GarmentDetector
from models.runtime.session import Arrays
from models.taxonomy import WeightGroup
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.data.readers import Fold, GarmentPhoto
from models.training.detector.admissible import NO_GARMENT
from models.training.detector.network import GarmentFasterRCNN
from models.training.device import device_of
from models.types import Detection

TIGHT = 0.75
"""Least IoU of a box that counts as found."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A photo, what it shows (`box` and `group` None where it shows no garment) and what was detected on it."""

    photo: str
    box: Box | None
    group: WeightGroup | None
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """`recall`: garments with a box of IoU ≥ 0.75 and the right group; `box_recall` the same in any group.

    `false_boxes` a photo: every other box. `mean_iou` of the best box of each garment. `confusion` counts
    (true group, detected group or "missed") of the best box.
    """

    photos: int
    recall: float
    box_recall: float
    false_boxes: float
    mean_iou: float
    confusion: dict[tuple[str, str], int]


class NetworkSession:
    """A network in torch behind the interface of a serving session, so that it is measured by the serving code."""

    provider = "torch"

    def __init__(self, network: GarmentFasterRCNN) -> None:
        self._network = network.eval()

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        with torch.inference_mode():
            pictures = torch.from_numpy(inputs["pictures"]).to(device_of(self._network))
            return tuple(out.cpu().numpy() for out in self._network.infer(pictures))


def judged_photos(garments: Iterable[GarmentPhoto], fold: Fold) -> list[GarmentPhoto]:
    """Photos of a fold whose garment was read by eye, is fit to learn a shape from and has a box."""
    return [g for g in garments if g.fold is fold and g.category is not None and g.ok and g.box is not None]


def empty_photos(garments: Iterable[GarmentPhoto], fold: Fold) -> list[GarmentPhoto]:
    """Photos of a fold that show no garment: shoes and hats."""
    return [g for g in garments if g.fold is fold and g.label in NO_GARMENT and not g.df2]


def look(detector: GarmentDetector, photos: Iterable[GarmentPhoto]) -> list[Looked]:
    """Detect on every photo, decoded as serving does."""
    looked = []
    for photo in photos:
        found = detector.detect(decode(photo.path.read_bytes(), ImageLimits()))
        group = photo.category.group if photo.category is not None else None
        looked.append(Looked(photo.photo, photo.box if group else None, group, tuple(found)))
    return looked


def best_scores(
    network: GarmentFasterRCNN, photos: Iterable[GarmentPhoto]
) -> tuple[npt.NDArray[np.float32], list[WeightGroup]]:
    """Category scores (N, 13) of the surest proposal on each photo, and the photos' true groups."""
    session, side = NetworkSession(network), network.architecture.side
    rows, groups = [], []
    for photo in photos:
        assert photo.category is not None
        square, _ = letterbox(decode(photo.path.read_bytes(), ImageLimits()).pixels, side)
        (scores,), _ = session.run({"pictures": normalise(square[None], IMAGENET_MEAN, IMAGENET_STD)})
        rows.append(scores[scores.sum(axis=1).argmax()])
        groups.append(photo.category.group)
    return np.stack(rows), groups


def measure(looked: Sequence[Looked], least_confidence: float) -> DetectorFigures:
    """The figures at a threshold, of photos looked at with a lower one."""
    found = tight = wrong = garments = 0
    overlaps, confusion = [], Counter[tuple[str, str]]()
    for item in looked:
        kept = [d for d in item.detections if d.confidence >= least_confidence]
        wrong += len(kept)
        if item.box is None or item.group is None:
            continue
        garments += 1
        best = max(kept, key=lambda d: intersection_over_union(d.box, _box(item)), default=None)
        overlap = intersection_over_union(best.box, item.box) if best else 0.0
        overlaps.append(overlap)
        confusion[item.group, best.category.group if best and overlap >= 0.5 else "missed"] += 1
        tight += overlap >= TIGHT
        hit = best is not None and overlap >= TIGHT and best.category.group is item.group
        found += hit
        wrong -= hit
    return DetectorFigures(
        photos=len(looked),
        recall=found / max(1, garments),
        box_recall=tight / max(1, garments),
        false_boxes=wrong / max(1, len(looked)),
        mean_iou=float(np.mean(overlaps)) if overlaps else 0.0,
        confusion=dict(confusion),
    )


def choose_least_confidence(looked: Sequence[Looked]) -> float:
    """The threshold with the most recall, half a point given away for each false box a photo; of equals the highest."""
    tried = np.arange(5, 100) / 100

    def worth(threshold: float) -> float:
        figures = measure(looked, threshold)
        return figures.recall - 0.5 * figures.false_boxes

    return float(max(tried, key=lambda threshold: (round(worth(threshold), 4), threshold)))


def _box(item: Looked) -> Box:
    assert item.box is not None
    return item.box
