"""DescribedGarment ⇄ the columns of its row, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.geometry import Box
from models.taxonomy import REGION_COUNT, REGIONS, Category
from models.types import DescribedGarment, Detection, Landmarks, MissingReason, Region, RegionEmbeddings

GARMENT_COLUMNS = (
    "category",
    "mask",
    "vectors",
    "confidence",
    "box",
    "regions",
    "landmarks",
    "colours",
    "fingerprint",
    "mirrored_fingerprint",
    "mirrored_vectors",
)


def garment_to_row(garment: DescribedGarment) -> dict[str, Any]:
    """The columns of `GarmentRecord` that describe the garment."""
    detection, landmarks = garment.detection, garment.landmarks
    points = np.column_stack([landmarks.points_xy, landmarks.confidence, landmarks.visible])
    return {
        "category": detection.category.value,
        "mask": garment.embeddings.mask,
        "vectors": _to_bytes(garment.embeddings.vectors),
        "confidence": float(detection.confidence),
        "box": _box_to_json(detection.box),
        "regions": [_region_to_json(region) for region in garment.regions],
        "landmarks": _to_bytes(points),
        "colours": _to_bytes(garment.embeddings.colours) + _to_bytes(garment.mirrored.colours),
        "fingerprint": garment.fingerprint,
        "mirrored_fingerprint": garment.mirrored_fingerprint,
        "mirrored_vectors": _to_bytes(garment.mirrored.vectors),
    }


def garment_from_row(row: Any) -> DescribedGarment:
    """The garment that `garment_to_row` took apart; `row` has its columns as attributes."""
    category = Category(row.category)
    points = vectors_from_bytes(row.landmarks, 4)
    colours = vectors_from_bytes(row.colours, 3).reshape(2, REGION_COUNT, 3)
    return DescribedGarment(
        Detection(Box(*row.box), category, row.confidence),
        Landmarks(category, points[:, :2], points[:, 2], points[:, 3] > 0),
        tuple(_region_from_json(name, entry) for name, entry in zip(REGIONS, row.regions, strict=True)),
        RegionEmbeddings(_region_rows(row.vectors), colours[0]),
        RegionEmbeddings(_region_rows(row.mirrored_vectors), colours[1]),
        row.fingerprint,
        row.mirrored_fingerprint,
    )


def vectors_from_bytes(data: bytes, columns: int) -> npt.NDArray[np.float32]:
    """float32 (n, columns), read-only, over the bytes of a column."""
    return np.frombuffer(data, dtype="<f4").reshape(-1, columns)


def _region_rows(data: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(data, dtype="<f4").reshape(REGION_COUNT, -1)


def _to_bytes(array: npt.NDArray[Any]) -> bytes:
    return array.astype("<f4", copy=False).tobytes()


def _box_to_json(box: Box) -> list[float]:
    return [float(box.x1), float(box.y1), float(box.x2), float(box.y2)]


def _region_to_json(region: Region) -> list[float] | str:
    return _box_to_json(region.box) if region.box is not None else str(region.reason)


def _region_from_json(name: Any, entry: Any) -> Region:
    return Region(name, None, MissingReason(entry)) if isinstance(entry, str) else Region(name, Box(*entry))
