"""Landmarks on the gold set, the whole line from the photo: detector, crop, landmark network.

No DeepFashion2, FashionAI or other landmark ground truth could be had: the 99 gold garments were placed by eye, at 19
keys; OKS is therefore taken over those keys, each with the sigma (or the mean of the two sigmas) of its slots.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from models.geometry import Box, intersection_over_union
from models.preprocessing import ImageLimits, crop_garment, decode
from models.runtime.detector import GarmentDetector
from models.runtime.landmarker import LandmarkEstimator
from models.taxonomy import Category, slot_index
from models.training.landmarker.oks import Estimate, average_precision, key_sigmas, keypoint_similarity
from models.types import Detection, Landmarks
from tests.benchmarks.tables import Report, share

Keys = dict[str, list[str]]


def measure(detector: GarmentDetector, landmarker: LandmarkEstimator, root: Path) -> Report:
    """Distance of visible gold points over the gold box's diagonal, with the category that the detector chose."""
    keys_of: dict[str, Keys] = json.loads((root / "garments" / "gold_to_df2.json").read_text())
    lines = [json.loads(line) for line in (root / "garments" / "landmarks_gold.jsonl").read_text().splitlines()]
    gold = [line for line in lines if line["df2"] in keys_of]
    errors: list[float] = []
    cuffs: list[float] = []
    seen, all_points, true = [], [], {}
    visible = missing = undetected = 0
    for line in track(gold, "landmarks"):
        image = decode((root / "garments" / "photos" / line["photo"]).read_bytes(), ImageLimits())
        scale = np.array([image.width, image.height]) / 100
        box = Box(*(np.array(line["box"]) * np.tile(scale, 2)).tolist())
        points = {key: np.array([x, y]) * scale for key, (x, y, v) in line["pts"].items() if v == 2}
        visible += len(points)
        true[line["photo"]] = Category(line["df2"])
        detections = detector.detect(image)
        if not detections:
            undetected += 1
            missing += len(points)
            continue
        best = max(detections, key=lambda d: intersection_over_union(d.box, box))
        found = landmarker.estimate([crop_garment(image, detection) for detection in detections])
        landmarks = found[detections.index(best)]
        placed = {key: np.array([x, y]) * scale for key, (x, y, v) in line["pts"].items() if v > 0}
        seen += _estimates(line, detections, found, points, keys_of, box)
        all_points += _estimates(line, detections, found, placed, keys_of, box)
        for key, point in points.items():
            place = _place(landmarks, keys_of.get(landmarks.category, {}).get(key))
            if place is None:
                missing += 1
            else:
                errors.append(float(np.linalg.norm(place - point)) / box.diagonal)
                cuffs += [errors[-1]] * key.startswith("cuff")
    report = Report("Landmarks, gold set, whole line from the photo")
    report.add("mean error / box diagonal, visible points", "≤ 0.030", f"{np.mean(errors):.4f}", len(errors))
    report.add("mean error of cuffs / box diagonal", "≤ 0.045", f"{np.mean(cuffs):.4f}", len(cuffs))
    report.add("OKS AP, visible points, mean over categories", "–", f"{average_precision(seen, true):.3f}", len(true))
    hidden = f"{average_precision(all_points, true):.3f}"
    report.add("OKS AP, visible and hidden points, mean over categories", "–", hidden, len(true))
    report.add("OKS AP, visible points, category given", "–", f"{_whatever_category(seen, true):.3f}", len(true))
    within = [error <= 0.05 for error in errors] + [False] * missing
    report.add("points within 0.05 (a point without a prediction is outside)", "≥ 0.75", share(within), visible)
    report.notes.append(
        f"{missing} of {visible} visible points have no prediction: the detector's category lacks the slot, or "
        f"{undetected} garments were not found"
    )
    return report


def _estimates(
    line: dict[str, Any],
    detections: Sequence[Detection],
    found: Sequence[Landmarks],
    points: dict[str, np.ndarray],
    keys_of: dict[str, Keys],
    box: Box,
) -> list[Estimate]:
    """Every detection of a photo with its OKS; of the true category's keys, which another category may lack."""
    category = Category(line["df2"])
    index = slot_index(category)
    sigmas = key_sigmas(category, {key: [index[name] for name in names] for key, names in keys_of[category].items()})
    estimates = []
    for detection, landmarks in zip(detections, found, strict=True):
        places = {key: _place(landmarks, keys_of.get(landmarks.category, {}).get(key)) for key in points}
        # A key without a slot lies infinitely far away.
        close = [np.full(2, 1e9) if place is None else place for place in places.values()]
        oks = keypoint_similarity(close, list(points.values()), [sigmas[key] for key in points], box)
        estimates.append(Estimate(line["photo"], detection.category, detection.confidence, oks))
    return estimates


def _whatever_category(estimates: Sequence[Estimate], true: dict[str, Category]) -> float:
    """AP where every garment found counts as of its photo's category: what the landmarks alone lose."""
    return average_precision([replace(e, category=true[e.photo]) for e in estimates], true)


def _place(landmarks: Landmarks, names: list[str] | None) -> np.ndarray | None:
    """Where the network puts a gold key; one that stands for two slots is their middle."""
    if not names:
        return None
    index = slot_index(landmarks.category)
    return np.asarray(landmarks.points_xy[[index[name] for name in names]].mean(axis=0))
