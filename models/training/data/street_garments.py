"""Worn garments cut out of the street photos by their pixel classes: strangers and originals for the embedder.

The garment photos hold some 1,300 garments to learn from, nearly all laid flat. Street photos of the training fold add
worn ones. Their category is the detector's where the pixel class admits it, their landmarks the network's; the embedder
trains on those whose outline fits the mask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from rich.progress import track

from models.geometry import intersection_over_union
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import Detector, Landmarker
from models.taxonomy import Category
from models.training.data.complete_labels import complete_label
from models.training.data.compositing import Pixels, mask_box
from models.training.data.readers import Fold, GarmentPhoto, StreetPhoto, read_street, street_classes
from models.training.detector.admissible import OF_STREET_CLASS, Admissible

LEAST_SHARE = 0.04
"""A garment that covers less of its photo shows no design."""
LEAST_OVERLAP = 0.6
"""IoU of the detected box with the mask's: below it the detector looked at something else."""
LARGEST_PART = 0.85
"""Share of the mask that must hang together: bags and hair cut others to pieces."""


def cut_street_garments(detector: Detector, estimator: Landmarker, root: Path, out: Path) -> int:
    """Write the masks of the training fold's worn garments and `labels.jsonl` into folder `out`; how many."""
    out.mkdir(parents=True, exist_ok=True)
    classes = street_classes(root)
    photos = [photo for photo in read_street(root) if photo.fold is Fold.TRAIN]
    lines = []
    for photo in track(photos, "cutting out street garments"):
        for garment in _garments(detector, photo, classes, out):
            label = json.loads(complete_label(estimator, garment, None).as_json())
            lines.append(json.dumps(label | {"street": photo.photo}))
    (out / "labels.jsonl").write_text("".join(line + "\n" for line in lines))
    return len(lines)


def read_street_garments(root: Path, folder: Path) -> tuple[list[GarmentPhoto], dict[str, dict[str, object]]]:
    """What `cut_street_garments` left in `folder`: the garments, and the label of each by its photo's name."""
    photos = {photo.photo: photo for photo in read_street(root)}
    labels = {label["photo"]: label for label in map(json.loads, (folder / "labels.jsonl").read_text().splitlines())}
    garments = []
    for name, label in labels.items():
        street = photos[label["street"]]
        mask_path = folder / f"{name}.png"
        with PillowImage.open(mask_path) as mask:
            width, height = mask.size
        garments.append(_garment_photo(name, street, mask_path, (width, height), Category(label["category"])))
    return garments, labels


def _garments(detector: Detector, photo: StreetPhoto, classes: tuple[str, ...], out: Path) -> Iterator[GarmentPhoto]:
    with PillowImage.open(photo.label_path) as opened:
        labels = np.asarray(opened, dtype=np.uint8)
    found = detector.detect(decode(photo.path.read_bytes(), ImageLimits()))
    for index in np.unique(labels):
        admissible = _upper(OF_STREET_CLASS.get(classes[int(index)], frozenset()))
        mask = np.where(labels == index, 255, 0).astype(np.uint8)
        if not admissible or (mask > 0).mean() < LEAST_SHARE or not _is_whole(mask):
            continue
        box = mask_box(mask)
        fitting = [
            detection
            for detection in found
            if detection.category in admissible
            and box is not None
            and intersection_over_union(detection.box, box) >= LEAST_OVERLAP
        ]
        if fitting:
            best = max(fitting, key=lambda detection: detection.confidence)
            name = f"street-{Path(photo.photo).stem}-{int(index)}"
            cv2.imwrite(str(out / f"{name}.png"), mask)
            height, width = mask.shape
            shown = _garment_photo(name, photo, out / f"{name}.png", (width, height), best.category)
            yield replace(shown, box=box)


def _upper(admissible: Admissible) -> Admissible:
    return frozenset(category for category in admissible if not category.is_bottom)


def _is_whole(mask: Pixels) -> bool:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    return bool(stats[1:, cv2.CC_STAT_AREA].max() >= LARGEST_PART * (mask > 0).sum())


def _garment_photo(
    name: str, street: StreetPhoto, mask_path: Path, size: tuple[int, int], category: Category
) -> GarmentPhoto:
    return GarmentPhoto(
        photo=name,
        path=street.path,
        mask_path=mask_path,
        width=size[0],
        height=size[1],
        box=None,
        split="train",
        fold=street.fold,
        contributor=name,
        label="",
        df2=category.value,
        category=category,
        view="front",
        ok=True,
        sleeve="",
        neck="",
        pattern="",
        closure="",
        length="",
    )
