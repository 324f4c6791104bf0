"""Garments that nobody read a category of, for calibration alone: strangers that no embedder was trained on.

The calibration fold holds too few garments to say how often one in a catalogue of thousands is accused. Several hundred
training photos carry only a shop's word ("Hoodie"); the embedder and the landmark network learn nothing from them, so
they can stand in. Their category is the detector's where the shop's word admits it, their landmarks the network's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from models.geometry import intersection_over_union
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import Detector, Landmarker
from models.training.data.complete_labels import complete_label
from models.training.data.readers import GarmentPhoto, read_garments
from models.training.detector.admissible import OF_GARMENT_LABEL
from models.types import Detection

LEAST_OVERLAP = 0.7
"""IoU of the detected box with the mask's: below it the detector looked at something else."""


def label_unread(detector: Detector, estimator: Landmarker, root: Path, out: Path) -> int:
    """Write `out` (lines as `complete_labels` writes them) for the upper garments nobody read; how many."""
    waiting = [garment for garment in read_garments(root) if is_unread(garment)]
    lines = [
        complete_label(estimator, read, None).as_json()
        for read in _read(detector, track(waiting, "reading unread garments"))
    ]
    out.write_text("".join(line + "\n" for line in lines))
    return len(lines)


def is_unread(garment: GarmentPhoto) -> bool:
    """Whether it is a garment of a training contributor that has a mask, but no category read by eye."""
    return (
        garment.split == "train"
        and garment.df2 == ""
        and garment.mask_path is not None
        and any(not category.is_bottom for category in OF_GARMENT_LABEL.get(garment.label, ()))
    )


def _read(detector: Detector, garments: Iterable[GarmentPhoto]) -> Iterator[GarmentPhoto]:
    """The garments with the detector's category, where one box fits mask and shop's word."""
    for garment in garments:
        assert garment.box is not None
        fitting = [
            found
            for found in detector.detect(decode(garment.path.read_bytes(), ImageLimits()))
            if found.category in OF_GARMENT_LABEL[garment.label]
            and intersection_over_union(found.box, garment.box) >= LEAST_OVERLAP
        ]
        if fitting:
            yield replace(garment, category=max(fitting, key=_confidence).category)


def _confidence(detection: Detection) -> float:
    return detection.confidence
