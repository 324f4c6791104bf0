"""DescribedPhoto ⇄ bytes for the cache: a JSON head, then the arrays as they lie in memory (little endian)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.geometry import Box
from models.taxonomy import REGION_COUNT, REGIONS, Category, slots_of
from models.types import (
    DescribedGarment,
    DescribedPhoto,
    Detection,
    Landmarks,
    MissingReason,
    Region,
    RegionEmbeddings,
)

FORMAT = 2
_HEAD = struct.Struct("<BI")
_FINGERPRINT_BYTES = 32


def pack(photo: DescribedPhoto) -> bytes:
    """The photo as bytes that `unpack` turns back exactly; timings are left out."""
    head = json.dumps(
        {
            "sha256": photo.sha256,
            "size": [photo.width, photo.height],
            "models_version": photo.models_version,
            "garments": [_garment_head(garment) for garment in photo.garments],
            "prints": [b"".join(orientations).hex() for orientations in photo.prints],
        }
    ).encode()
    body = b"".join(part for garment in photo.garments for part in _garment_parts(garment))
    return _HEAD.pack(FORMAT, len(head)) + head + body


def unpack(data: bytes) -> DescribedPhoto:
    """Raises ValueError where the bytes are not what `pack` makes."""
    try:
        version, length = _HEAD.unpack_from(data)
        if version != FORMAT:
            raise InvalidValue(f"format {version} is not {FORMAT}")
        head = json.loads(data[_HEAD.size : _HEAD.size + length])
        reader = _Reader(data[_HEAD.size + length :])
        garments = tuple(_read_garment(item, reader) for item in head["garments"])
        width, height = head["size"]
        prints = tuple(_read_print(bytes.fromhex(item)) for item in head["prints"])
        return DescribedPhoto(head["sha256"], width, height, head["models_version"], garments, {}, prints)
    except (struct.error, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"no described photo: {error}") from error


def _garment_head(garment: DescribedGarment) -> dict[str, Any]:
    box = garment.detection.box
    return {
        "box": [box.x1, box.y1, box.x2, box.y2],
        "category": garment.detection.category,
        "confidence": garment.detection.confidence,
        "dimension": garment.embeddings.dimension,
        "regions": [
            region.reason if region.box is None else [region.box.x1, region.box.y1, region.box.x2, region.box.y2]
            for region in garment.regions
        ],
    }


def _garment_parts(garment: DescribedGarment) -> Iterator[bytes]:
    marks = garment.landmarks
    for array in (marks.points_xy, marks.confidence):
        yield array.astype("<f4").tobytes()
    yield marks.visible.astype("u1").tobytes()
    for side in (garment.embeddings, garment.mirrored):
        yield side.vectors.astype("<f4").tobytes()
        yield side.colours.astype("<f4").tobytes()
    yield garment.fingerprint
    yield garment.mirrored_fingerprint


def _read_print(data: bytes) -> tuple[bytes, ...]:
    starts = range(0, len(data), _FINGERPRINT_BYTES)
    return tuple(data[start : start + _FINGERPRINT_BYTES] for start in starts)


class _Reader:
    """Takes arrays off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def array(self, dtype: str, *shape: int) -> npt.NDArray[Any]:
        kind = np.dtype(dtype)
        return np.frombuffer(self.take(int(np.prod(shape)) * kind.itemsize), dtype=kind).reshape(shape)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise InvalidValue("the bytes end too soon")
        self._at += count
        return taken


def _read_garment(head: dict[str, Any], reader: _Reader) -> DescribedGarment:
    category = Category(head["category"])
    count = len(slots_of(category))
    points, confidence = reader.array("<f4", count, 2), reader.array("<f4", count)
    landmarks = Landmarks(category, points, confidence, reader.array("u1", count).astype(bool))
    regions = tuple(
        Region(name, Box(*found)) if isinstance(found, list) else Region(name, None, MissingReason(found))
        for name, found in zip(REGIONS, head["regions"], strict=True)
    )
    seen, mirrored = (
        RegionEmbeddings(reader.array("<f4", REGION_COUNT, head["dimension"]), reader.array("<f4", REGION_COUNT, 3))
        for _ in range(2)
    )
    detection = Detection(Box(*head["box"]), category, head["confidence"])
    prints = reader.take(_FINGERPRINT_BYTES), reader.take(_FINGERPRINT_BYTES)
    return DescribedGarment(detection, landmarks, regions, seen, mirrored, *prints)
