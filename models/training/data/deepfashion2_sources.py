"""DeepFashion2 beside our own photos: what `labels` and `embedder` take of it, written as they read it.

Only its train fold is learnt from. Calibration and validation stay with our own contributors, who are strangers to it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from PIL import Image as PillowImage

from models.training.data.deepfashion2 import (
    SOURCE,
    DeepFashion2Garment,
    landmark_labels,
    read_deepfashion2,
    same_design_pairs,
)
from models.training.data.landmark_labels import LandmarkLabel
from models.training.data.readers import Fold, GarmentPhoto, JudgedPair

WORN_FRONT = 2
"""The `viewpoint` of a garment seen from the front, on a person."""


@dataclass(frozen=True, slots=True, eq=False)
class DeepFashion2Source:
    """What the embedder learns from: garments, the label of each by its photo's name, pairs of one design."""

    garments: list[GarmentPhoto] = field(default_factory=list)
    labels: Mapping[str, dict[str, object]] = field(default_factory=dict)
    pairs: list[JudgedPair] = field(default_factory=list)


def read_photos(folder: Path, *, every: int = 1) -> Iterator[list[DeepFashion2Garment]]:
    """The garments of each `every`-th photo of the train fold, a list a photo."""
    photos = itertools.groupby(read_deepfashion2(folder), key=lambda garment: garment.path)
    return (list(garments) for _, garments in itertools.islice(photos, 0, None, every))


def append_landmark_labels(folder: Path, labels: Path, *, every: int = 1) -> int:
    """Add a line to `labels` (jsonl) for each garment with a labelled point; how many. Paths in it are absolute."""
    count = 0
    with labels.open("a") as stream:
        for garments in read_photos(folder, every=every):
            found = landmark_labels(garments)
            stream.writelines(label.as_json() + "\n" for label in found)
            count += len(found)
    return count


def read_source(folder: Path, masks: Path, *, every: int = 1) -> DeepFashion2Source:
    """Upper garments and dresses seen from the front with every landmark and an outline; masks are written to `masks`.

    Edits and regions need all landmarks, hidden ones too: garments cut by the photo's edge are left out.
    """
    masks.mkdir(parents=True, exist_ok=True)
    kept = [
        garment for garments in read_photos(folder, every=every) for garment in garments if _can_be_altered(garment)
    ]
    photos = [_garment_photo(garment, masks) for garment in kept]
    labels = {label.photo: json.loads(label.as_json()) for label in landmark_labels(kept)}
    return DeepFashion2Source(photos, labels, same_design_pairs(kept))


def told_of(labels: list[LandmarkLabel]) -> str:
    """How a manifest tells of the labels that came from DeepFashion2."""
    count = sum(label.source == SOURCE for label in labels)
    return f"{count} garments of DeepFashion2's train fold" if count else "no DeepFashion2"


def _can_be_altered(garment: DeepFashion2Garment) -> bool:
    return (
        not garment.category.is_bottom
        and garment.viewpoint == WORN_FRONT
        and bool(garment.polygons)
        and bool((garment.points[:, 2] > 0).all())
    )


def _garment_photo(garment: DeepFashion2Garment, masks: Path) -> GarmentPhoto:
    with PillowImage.open(garment.path) as photo:
        width, height = photo.size
    mask_path = masks / f"{garment.photo.replace('#', '-')}.png"
    cv2.imwrite(str(mask_path), garment.mask(width, height))
    return GarmentPhoto(
        photo=garment.photo,
        path=garment.path,
        mask_path=mask_path,
        width=width,
        height=height,
        box=garment.box,
        split="train",
        fold=Fold.TRAIN,
        contributor=f"{SOURCE}/{garment.pair_id}",
        label="",
        df2=garment.category.value,
        category=garment.category,
        view="front",
        ok=True,
        sleeve="",
        neck="",
        pattern="",
        closure="",
        length="",
    )
