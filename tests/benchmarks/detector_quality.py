"""The detector on validation garments and street photos: are boxes tight, is the weight group right, what else is seen?

Boxes of garments are those of their masks, but for the 48 that were placed by eye (`readers.correct_boxes`); what the
masks alone would say stands beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.geometry import Box, intersection_over_union
from models.preprocessing import ImageLimits, decode
from models.runtime.detector import GarmentDetector, surest
from models.taxonomy import Category, WeightGroup
from models.training.data.readers import (
    Fold,
    GarmentPhoto,
    StreetPhoto,
    correct_boxes,
    read_garments,
    read_street,
    street_classes,
)
from models.training.detector.average_precision import JudgedPhoto, MarkedPhoto, average_precision, judge_boxes
from models.training.detector.street_boxes import StreetKind, kind_of, street_boxes
from models.types import Detection
from tests.benchmarks.tables import Report, share

LEAST_CONFIDENCE = 0.02
"""For average precision, which ranks unsure boxes too."""
TIGHT, LOOSE = 0.75, 0.5
DRAWS = 300
FEWEST = 20
"""Garments of a group with fewer are not enough for a precision of its own."""
Floats = npt.NDArray[np.float32]


def measure(detector: GarmentDetector, root: Path) -> Report:
    """Recall at the shipped threshold, false boxes, average precision."""
    masked = [g for g in read_garments(root) if g.fold is Fold.VALIDATION and g.ok and g.category and g.box]
    garments = correct_boxes(masked)
    looked = [_look(detector, one.path) for one in track(garments, "detector")]
    boxed = [any(_tight(found, one) for found in seen) for seen, one in zip(looked, garments, strict=True)]
    right = _recalled(looked, garments)
    false_boxes = [len(seen) - hit for seen, hit in zip(looked, right, strict=True)]
    report = Report("Detector, validation garments and street photos")
    report.add("recall, IoU ≥ 0.75, right weight group", "≥ 0.85", share(right), len(right))
    report.add("– with the boxes of all masks as they came", "–", share(_recalled(looked, masked)), len(masked))
    report.add("the same, any group", "–", share(boxed), len(boxed))
    report.add("false boxes a photo", "≤ 0.3", f"{np.mean(false_boxes):.3f}", len(false_boxes))
    _add_precision(report, detector, garments)
    streets = [one for one in read_street(root) if one.fold is Fold.VALIDATION]
    _add_street_precision(report, detector, streets, street_classes(root))
    wrong = Counter(
        f"{one.category.group} → {seen[0].category.group}"
        for seen, one, hit in zip(looked, garments, right, strict=True)
        if seen and not hit and one.category and seen[0].category.group is not one.category.group
    )
    report.notes.append("taken for another group: " + ", ".join(f"{k} {v}" for k, v in wrong.most_common(6)))
    return report


def _add_precision(report: Report, detector: GarmentDetector, garments: Sequence[GarmentPhoto]) -> None:
    looked = _look_at_all(detector, (one.path for one in garments), "detector, unsure boxes too")
    groups = [one.category.group if one.category else None for one in garments]
    kept = [group for group in WeightGroup if groups.count(group) >= FEWEST]
    judged = {}
    for group in kept:
        rows = [category.group is group for category in Category]
        judged[group] = [
            judge_boxes(MarkedPhoto((cast(Box, one.box),) if its is group else (), seen.of(rows)), TIGHT)
            for seen, one, its in zip(looked, garments, groups, strict=True)
        ]
    _add(report, "AP75, mean over the weight groups", "≥ 0.85", judged, len(garments))


def _add_street_precision(
    report: Report, detector: GarmentDetector, streets: Sequence[StreetPhoto], names: tuple[str, ...]
) -> None:
    looked = _look_at_all(detector, (one.path for one in streets), "street photos")
    true = [street_boxes(one.label_path, names) for one in streets]
    judged = {}
    for kind in StreetKind:
        rows = [kind_of(category) is kind for category in Category]
        judged[kind] = [
            judge_boxes(MarkedPhoto(tuple(box for its, box in boxes if its is kind), seen.of(rows)), LOOSE)
            for seen, boxes in zip(looked, true, strict=True)
        ]
    _add(report, "street photos, AP50, mean of upper, dress and lower", "≥ 0.60", judged, len(streets))


def _add(report: Report, what: str, bar: str, judged: Mapping[StrEnum, Sequence[JudgedPhoto]], photos: int) -> None:
    """The mean over kinds with its 95 % bootstrap interval over photos, and each kind's own."""
    rng, drawn = np.random.default_rng(0), []
    for _ in track(range(DRAWS), "drawing photos anew"):
        rows = rng.integers(photos, size=photos)
        drawn.append(np.nanmean([average_precision([of[row] for row in rows]) for of in judged.values()]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    each = {kind: average_precision(of) for kind, of in judged.items()}
    report.add(what, bar, f"{np.mean(list(each.values())):.3f} ({low:.3f}–{high:.3f})", photos)
    for kind, precision in each.items():
        report.add(f"– {kind.value}", "–", f"{precision:.3f}", sum(photo.wanted for photo in judged[kind]))


def _look_at_all(detector: GarmentDetector, paths: Iterable[Path], words: str) -> list[_Proposed]:
    """As COCO measures a network: every proposal counts for every kind, by its score for it."""
    found = []
    for path in track(list(paths), words):
        image = decode(path.read_bytes(), ImageLimits())
        scores, boxes = detector.propose(image)
        found.append(_Proposed(scores, boxes.clip(0, [image.width, image.height] * 2), detector.settings.most_overlap))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Proposed:
    """What the network proposes on a photo: `scores` (P, 13), `boxes` (P, 4) in its pixels."""

    scores: Floats
    boxes: Floats
    most_overlap: float

    def of(self, categories: list[bool]) -> tuple[tuple[Box, float], ...]:
        """Boxes and scores of a kind, which is these of the 13 categories."""
        summed = self.scores[:, categories].sum(axis=1)
        kept = surest(self.boxes, summed, LEAST_CONFIDENCE, self.most_overlap)
        sized = self.boxes[:, 2:] - self.boxes[:, :2]
        return tuple((Box(*map(float, self.boxes[row])), float(summed[row])) for row in kept if (sized[row] >= 1).all())


def _recalled(looked: Sequence[Sequence[Detection]], garments: Sequence[GarmentPhoto]) -> list[bool]:
    return [
        any(_tight(found, one) and one.category and found.category.group is one.category.group for found in seen)
        for seen, one in zip(looked, garments, strict=True)
    ]


def _tight(found: Detection, garment: GarmentPhoto) -> bool:
    return intersection_over_union(found.box, cast(Box, garment.box)) >= TIGHT


def _look(detector: GarmentDetector, path: Path) -> list[Detection]:
    return detector.detect(decode(path.read_bytes(), ImageLimits()))
