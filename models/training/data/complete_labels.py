"""Landmarks of every garment photo, complete: hand-placed points where there are any, the landmark network's elsewhere.

Template fits leave slots open that a mask cannot show (necklines, inner sleeves). Edits and regions need them all, so
the first network trained on hand and template labels fills them; the overlap of its outline with the mask says where
it may be trusted. Hand and mask decide; no validation or gold landmark is looked at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import track

from models.preprocessing import ImageLimits, crop_garment, decode
from models.regions import garment_outline
from models.runtime.describe import Landmarker
from models.training.data.garment_picture import fill_polygon
from models.training.data.landmark_labels import LandmarkLabel, read_landmark_labels
from models.training.data.outlines import read_mask
from models.training.data.readers import Fold, GarmentPhoto, read_garments
from models.types import Detection, Landmarks

FOLDS = (Fold.TRAIN, Fold.CALIBRATION, Fold.VALIDATION)


def complete_labels(estimator: Landmarker, root: Path, labels: Path | None, out: Path) -> int:
    """Write `out` (the same lines as `labels` has) for every garment with a category, a shape and a mask; how many.

    Without `labels` all points are the network's, as a benchmark on photos that nobody labelled wants them.
    """
    known = [] if labels is None else read_landmark_labels(labels)
    hands = {label.photo: label for label in known if label.source == "hand"}
    lines = []
    for garment in track([g for g in read_garments(root) if _usable(g)], "completing landmarks"):
        label = complete_label(estimator, garment, hands.get(garment.photo))
        lines.append(label.as_json())
    out.write_text("\n".join(lines) + "\n")
    return len(lines)


def _usable(garment: GarmentPhoto) -> bool:
    return (
        garment.fold in FOLDS
        and garment.ok
        and garment.view == "front"
        and garment.box is not None
        and garment.mask_path is not None
        and garment.category is not None
        and not garment.category.is_bottom
    )


def complete_label(estimator: Landmarker, garment: GarmentPhoto, hand: LandmarkLabel | None) -> LandmarkLabel:
    """The line of a garment with box, mask and category; points are the network's where no hand placed them."""
    assert garment.box is not None and garment.category is not None and garment.mask_path is not None
    category = garment.category if hand is None else hand.category
    image = decode(garment.path.read_bytes(), ImageLimits())
    guess = estimator.estimate([crop_garment(image, Detection(garment.box, category, 1.0))])[0]
    points = np.column_stack([guess.points_xy, guess.confidence]).astype(np.float64)
    if hand is not None:
        placed = hand.points[:, 2] > 0
        points[placed] = hand.points[placed]
    outline = garment_outline(Landmarks(category, points[:, :2].astype(np.float32), guess.confidence, guess.visible))
    mask = read_mask(garment.mask_path) > 0
    inside = fill_polygon(mask.shape, outline) > 0
    quality = float((mask & inside).sum() / max(1, (mask | inside).sum()))
    source = "network" if hand is None else "hand"
    return LandmarkLabel(
        garment.photo,
        f"garments/photos/{garment.photo}",
        category,
        garment.fold.value,
        source,
        quality,
        garment.box,
        points,
    )
