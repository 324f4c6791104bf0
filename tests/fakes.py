"""Stand-ins that need no weights: a describer that derives its answer from the pixels."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.fingerprint import FLIPPED
from models.geometry import Box
from models.preprocessing import crop_garment
from models.runtime.describe import prints_of, relabelled
from models.runtime.running import CPU_PROVIDER, Engine
from models.taxonomy import REGION_COUNT, REGIONS, Category
from models.types import (
    DescribedGarment,
    DescribedPhoto,
    Detection,
    Image,
    MissingReason,
    Region,
    RegionEmbeddings,
)
from tests.factories import make_landmarks

FAKE_MODELS = "fake-models-1"
CELLS = 6
"""Side of the grid of grey levels that stands for a region's look."""


class FakeDescriber:
    """Sees one short-sleeved top in the middle of every photo, none in a photo of one colour.

    The garment's five regions are five fixed boxes; a region's vector is its thumbnail, so a photo whose collar is
    painted over differs from its original in the collar alone, and a flipped photo is found mirrored. Every version but
    the first turns all vectors by a rotation of its own: compared with those of another they would say nothing.
    """

    models_version = FAKE_MODELS
    _rotation: npt.NDArray[np.float32] | None = None
    engines: tuple[Engine, ...] = (Engine("fake", CPU_PROVIDER, CPU_PROVIDER),)
    waiting = 0

    def __init__(self, models_version: str = FAKE_MODELS) -> None:
        if models_version != FAKE_MODELS:
            self.models_version, self._rotation = models_version, _rotation(models_version)

    def close(self) -> None:
        """Nothing to put away."""

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        flat = int(np.ptp(image.pixels.reshape(-1, 3), axis=0).max()) < 8
        box = Box(0.1 * image.width, 0.1 * image.height, 0.9 * image.width, 0.9 * image.height)
        found = [] if flat else [Detection(box, Category.SHORT_SLEEVE_TOP, 0.9)]
        detections = relabelled(found, category)
        prints = prints_of(image, [crop_garment(image, detection) for detection in detections])
        garments = tuple(
            _describe(image, detection, hashes) for detection, hashes in zip(detections, prints[1:], strict=True)
        )
        if self._rotation is not None:
            garments = tuple(_turned(garment, self._rotation) for garment in garments)
        timings = {"detect": 0.1, "landmarks": 0.1, "embed": 0.1}
        return DescribedPhoto(image.sha256, image.width, image.height, self.models_version, garments, timings, prints)


class FailingDescriber(FakeDescriber):
    """Fails on every small photo that shows something, as a network would that runs out of memory."""

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        described = super().describe(image, category)
        if described.garments and image.width < 300:
            raise RuntimeError("out of memory")
        return described


def _rotation(models_version: str) -> npt.NDArray[np.float32]:
    """float32 (D, D), orthogonal."""
    seed = int(hashlib.sha256(models_version.encode()).hexdigest()[:8], 16)
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(CELLS * CELLS, CELLS * CELLS)))
    return np.asarray(turned, dtype=np.float32)


def _turned(garment: DescribedGarment, rotation: npt.NDArray[np.float32]) -> DescribedGarment:
    seen, mirrored = (
        RegionEmbeddings(side.vectors @ rotation, side.colours) for side in (garment.embeddings, garment.mirrored)
    )
    return replace(garment, embeddings=seen, mirrored=mirrored)


def fake_region_boxes(box: Box) -> tuple[Box, ...]:
    """Collar, chest, waist, left and right sleeve as shares of the garment's box."""
    shares = ((0.3, 0.0, 0.7, 0.2), (0.2, 0.2, 0.8, 0.55), (0.2, 0.55, 0.8, 1), (0, 0.1, 0.2, 0.6), (0.8, 0.1, 1, 0.6))
    return tuple(
        Box(box.x1 + a * box.width, box.y1 + b * box.height, box.x1 + c * box.width, box.y1 + d * box.height)
        for a, b, c, d in shares
    )


def _describe(image: Image, detection: Detection, hashes: tuple[bytes, ...]) -> DescribedGarment:
    boxes = fake_region_boxes(detection.box)
    absent = [not detection.category.has_sleeves and name.endswith("sleeve") for name in REGIONS]
    regions = tuple(
        Region(name, None, MissingReason.ABSENT) if missing else Region(name, box)
        for name, box, missing in zip(REGIONS, boxes, absent, strict=True)
    )
    seed = int(hashlib.sha256(image.pixels.tobytes()).hexdigest()[:8], 16)
    landmarks = make_landmarks(seed, detection.category, detection.box)
    landmarks = replace(landmarks, confidence=np.full(len(landmarks.confidence), 0.9, np.float32))
    flipped = Image(np.ascontiguousarray(image.pixels[:, ::-1]), image.sha256)
    mirrored_boxes = fake_region_boxes(detection.box.mirrored(image.width))
    return DescribedGarment(
        detection,
        landmarks,
        regions,
        _embed(image, boxes, absent),
        _embed(flipped, mirrored_boxes, absent),
        hashes[0],
        hashes[FLIPPED],
    )


def _embed(image: Image, boxes: tuple[Box, ...], absent: list[bool]) -> RegionEmbeddings:
    vectors = np.zeros((REGION_COUNT, CELLS * CELLS), np.float32)
    colours = np.zeros((REGION_COUNT, 3), np.float32)
    for row, box in enumerate(boxes):
        if absent[row]:
            continue
        part = image.pixels[int(box.y1) : max(int(box.y2), int(box.y1) + 1), int(box.x1) : int(box.x2) + 1]
        rows = np.linspace(0, part.shape[0], CELLS + 1).astype(int)[:-1]
        columns = np.linspace(0, part.shape[1], CELLS + 1).astype(int)[:-1]
        grey = np.add.reduceat(np.add.reduceat(part.mean(axis=2), rows, axis=0), columns, axis=1).reshape(-1)
        grey = grey - grey.mean() + 1e-3
        vectors[row] = grey / np.linalg.norm(grey)
        colours[row] = [float(part.mean()) / 2.55, 0, 0]
    return RegionEmbeddings(vectors, colours)
