"""The detector on validation garments: is the box tight, is the weight group right, what else does it see?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from rich.progress import track

from models.geometry import intersection_over_union
from models.preprocessing import ImageLimits, decode
from models.runtime.detector import GarmentDetector
from models.training.data.readers import Fold, read_garments
from tests.benchmarks.tables import Report, share

LEAST_OVERLAP = 0.75


def measure(detector: GarmentDetector, root: Path) -> Report:
    """Recall at IoU ≥ 0.75 with the right weight group, and boxes that are not that match, per photo."""
    garments = [
        g for g in read_garments(root) if g.fold is Fold.VALIDATION and g.ok and g.category is not None and g.box
    ]
    found, boxed, false_boxes = [], [], []
    taken_for: Counter[str] = Counter()
    for garment in track(garments, "detector"):
        assert garment.box is not None and garment.category is not None
        detections = detector.detect(decode(garment.path.read_bytes(), ImageLimits()))
        tight = [d for d in detections if intersection_over_union(d.box, garment.box) >= LEAST_OVERLAP]
        right = [d for d in tight if d.category.group is garment.category.group]
        boxed.append(bool(tight))
        found.append(bool(right))
        false_boxes.append(len(detections) - bool(right))
        if tight and not right:
            taken_for[f"{garment.category.group} → {tight[0].category.group}"] += 1
    report = Report("Detector, validation garments")
    report.add("recall, IoU ≥ 0.75, right weight group", "≥ 0.85", share(found), len(found))
    report.add("the same, any group", "–", share(boxed), len(boxed))
    report.add("false boxes a photo", "≤ 0.3", f"{np.mean(false_boxes):.3f}", len(false_boxes))
    report.notes.append("taken for another group: " + ", ".join(f"{k} {v}" for k, v in taken_for.most_common(6)))
    return report
