"""Photos as detector and landmark network saw them, one file each: an embedder is then fed without looking again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.geometry import Affine, Box
from models.taxonomy import REGION_COUNT, REGIONS, Category, RegionName, slots_of
from models.types import (
    CROP_SIZE,
    DescribedGarment,
    Detection,
    Garment,
    Landmarks,
    MissingReason,
    Region,
    RegionEmbeddings,
)

MOST_SLOTS = 39
"""Of a long-sleeved outwear, the category with most landmarks."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One garment, all but its embeddings; coordinates in photo pixels."""

    garment: Garment
    landmarks: Landmarks
    regions: tuple[Region, ...]
    fingerprint: bytes
    mirrored_fingerprint: bytes

    def described(self, seen: RegionEmbeddings, mirrored: RegionEmbeddings) -> DescribedGarment:
        """What serving would say of it with an embedder that answered so."""
        return DescribedGarment(
            self.garment.detection,
            self.landmarks,
            self.regions,
            seen,
            mirrored,
            self.fingerprint,
            self.mirrored_fingerprint,
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a made photo; region names are the original's. Nothing of all this holds for a real photo."""

    altered: tuple[RegionName, ...] = ()
    covered: tuple[RegionName, ...] = ()
    edits: tuple[str, ...] = ()
    flipped: bool = False
    recoloured: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SightedPhoto:
    """A photo and its garments, the largest first; `owner` names the garment that it shows or copies."""

    owner: str
    truth: Truth
    sightings: tuple[Sighting, ...]


def write_sighted(photo: SightedPhoto, path: Path) -> None:
    """Whole or not at all: a run that is stopped leaves no half file."""
    rows = photo.sightings
    truth = photo.truth
    content = {
        "owner": np.array(photo.owner),
        "altered": np.array(truth.altered, dtype=np.str_),
        "covered": np.array(truth.covered, dtype=np.str_),
        "edits": np.array(truth.edits, dtype=np.str_),
        "flags": np.array([truth.flipped, truth.recoloured]),
        "crops": _stack([row.garment.crop for row in rows], np.uint8, (CROP_SIZE, CROP_SIZE, 3)),
        "frames": _stack([row.garment.to_photo.matrix for row in rows], np.float64, (2, 3)),
        "boxes": _stack([_sides(row.garment.detection.box) for row in rows], np.float64, (4,)),
        "confidences": np.array([row.garment.detection.confidence for row in rows], dtype=np.float64),
        "categories": np.array([row.garment.detection.category.value for row in rows], dtype=np.str_),
        "landmarks": _stack([_padded(row.landmarks) for row in rows], np.float32, (MOST_SLOTS, 4)),
        "region_boxes": _stack([_region_boxes(row.regions) for row in rows], np.float64, (REGION_COUNT, 4)),
        "reasons": np.array([[one.reason or "" for one in row.regions] for row in rows], dtype=np.str_),
        "fingerprints": np.array(
            [[list(row.fingerprint), list(row.mirrored_fingerprint)] for row in rows], dtype=np.uint8
        ),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, allow_pickle=False, **content)
    partial.replace(path)


def read_sighted(path: Path) -> SightedPhoto:
    """Nothing in the file is unpickled."""
    with np.load(path, allow_pickle=False) as opened:
        content = {name: opened[name] for name in opened.files}
    flipped, recoloured = map(bool, content["flags"])
    truth = Truth(
        tuple(map(RegionName, content["altered"].tolist())),
        tuple(map(RegionName, content["covered"].tolist())),
        tuple(content["edits"].tolist()),
        flipped,
        recoloured,
    )
    sightings = tuple(_sighting(content, row) for row in range(len(content["categories"])))
    return SightedPhoto(str(content["owner"]), truth, sightings)


def _sighting(content: dict[str, npt.NDArray[np.generic]], row: int) -> Sighting:
    category = Category(str(content["categories"][row]))
    box = Box(*map(float, content["boxes"][row]))
    marks = np.asarray(content["landmarks"][row], dtype=np.float32)[: len(slots_of(category))]
    regions = tuple(
        Region(name, None, MissingReason(str(reason))) if reason else Region(name, Box(*map(float, sides)))
        for name, sides, reason in zip(REGIONS, content["region_boxes"][row], content["reasons"][row], strict=True)
    )
    prints = np.asarray(content["fingerprints"][row], dtype=np.uint8)
    return Sighting(
        Garment(
            Detection(box, category, float(content["confidences"][row].item())),
            np.asarray(content["crops"][row], dtype=np.uint8),
            Affine(np.asarray(content["frames"][row], dtype=np.float64)),
        ),
        Landmarks(category, marks[:, :2], marks[:, 2], marks[:, 3] > 0),
        regions,
        bytes(prints[0]),
        bytes(prints[1]),
    )


def _stack(rows: list[npt.NDArray[np.generic]], dtype: type, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """(K, *shape), also where K is 0."""
    return np.array(rows, dtype=dtype).reshape(len(rows), *shape)


def _padded(landmarks: Landmarks) -> npt.NDArray[np.float32]:
    """x, y, confidence, visible of each slot, float32 (39, 4); zeros after the last."""
    rows = np.zeros((MOST_SLOTS, 4), dtype=np.float32)
    columns = (landmarks.points_xy, landmarks.confidence, landmarks.visible)
    rows[: len(landmarks.points_xy)] = np.column_stack(columns)
    return rows


def _region_boxes(regions: tuple[Region, ...]) -> npt.NDArray[np.float64]:
    boxes = np.zeros((REGION_COUNT, 4))
    for region in regions:
        if region.box is not None:
            boxes[region.name.row] = _sides(region.box)
    return boxes


def _sides(box: Box) -> npt.NDArray[np.float64]:
    """Float64: rounded boxes would be fed otherwise than in serving."""
    return np.array([box.x1, box.y1, box.x2, box.y2], dtype=np.float64)
