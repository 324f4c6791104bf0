"""Landmarks on the gold set, the whole line from the photo: detector, crop, landmark network.

No DeepFashion2, FashionAI or other landmark ground truth could be had: the 99 gold garments were placed by eye.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.progress import track

from models.geometry import Box, intersection_over_union
from models.preprocessing import ImageLimits, crop_garment, decode
from models.runtime.detector import GarmentDetector
from models.runtime.landmarker import LandmarkEstimator
from models.taxonomy import slot_index
from models.types import Landmarks
from tests.benchmarks.tables import Report, share

Keys = dict[str, list[str]]


def measure(detector: GarmentDetector, landmarker: LandmarkEstimator, root: Path) -> Report:
    """Distance of visible gold points over the gold box's diagonal, with the category that the detector chose."""
    keys_of: dict[str, Keys] = json.loads((root / "garments" / "gold_to_df2.json").read_text())
    lines = [json.loads(line) for line in (root / "garments" / "landmarks_gold.jsonl").read_text().splitlines()]
    gold = [line for line in lines if line["df2"] in keys_of]
    errors: list[float] = []
    visible = missing = undetected = 0
    for line in track(gold, "landmarks"):
        image = decode((root / "garments" / "photos" / line["photo"]).read_bytes(), ImageLimits())
        scale = np.array([image.width, image.height]) / 100
        box = Box(*(np.array(line["box"]) * np.tile(scale, 2)).tolist())
        points = {key: np.array([x, y]) * scale for key, (x, y, v) in line["pts"].items() if v == 2}
        visible += len(points)
        detections = detector.detect(image)
        if not detections:
            undetected += 1
            missing += len(points)
            continue
        best = max(detections, key=lambda d: intersection_over_union(d.box, box))
        landmarks = landmarker.estimate([crop_garment(image, best)])[0]
        for key, point in points.items():
            place = _place(landmarks, keys_of.get(landmarks.category, {}).get(key))
            if place is None:
                missing += 1
            else:
                errors.append(float(np.linalg.norm(place - point)) / box.diagonal)
    report = Report("Landmarks, gold set, whole line from the photo")
    report.add("mean error / box diagonal, visible points", "≤ 0.040", f"{np.mean(errors):.4f}", len(errors))
    within = [error <= 0.05 for error in errors] + [False] * missing
    report.add("points within 0.05 (a point without a prediction is outside)", "≥ 0.75", share(within), visible)
    report.notes.append(
        f"{missing} of {visible} visible points have no prediction: the detector's category lacks the slot, or "
        f"{undetected} garments were not found"
    )
    return report


def _place(landmarks: Landmarks, names: list[str] | None) -> np.ndarray | None:
    """Where the network puts a gold key; one that stands for two slots is their middle."""
    if not names:
        return None
    index = slot_index(landmarks.category)
    return np.asarray(landmarks.points_xy[[index[name] for name in names]].mean(axis=0))
