"""Image → DescribedPhoto: the networks one after the other, and the fingerprint of every crop."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from models.fingerprint import FLIPPED, dihedral_fingerprints
from models.manifest import Manifest
from models.preprocessing import crop_garment
from models.regions import locate_regions, locate_whole
from models.runtime.batching import BatchedSession
from models.runtime.running import Engine
from models.taxonomy import Category
from models.types import (
    DescribedGarment,
    DescribedPhoto,
    Detection,
    Garment,
    Image,
    Landmarks,
    Region,
    RegionEmbeddings,
)


class Detector(Protocol):
    """Finds garments."""

    def detect(self, image: Image) -> list[Detection]: ...


class Landmarker(Protocol):
    """Places landmarks."""

    def estimate(self, garments: Sequence[Garment]) -> list[Landmarks]: ...


class Embedder(Protocol):
    """Describes regions, as seen and flipped."""

    def embed(
        self, garments: Sequence[Garment], landmarks: Sequence[Landmarks], regions: Sequence[tuple[Region, ...]]
    ) -> list[tuple[RegionEmbeddings, RegionEmbeddings]]: ...


class Describer(Protocol):
    """Says what is to be seen in a photo; safe to call from several threads."""

    @property
    def models_version(self) -> str: ...

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What runs each network."""

    @property
    def waiting(self) -> int:
        """Photos whose rows wait for a batch."""

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto: ...

    def close(self) -> None:
        """Put the networks away; nothing is described afterwards."""


class PhotoDescriber:
    """Detector, landmark network and embedder in a row."""

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        embedder: Embedder,
        models_version: str,
        *,
        engines: tuple[Engine, ...] = (),
        batched: tuple[BatchedSession, ...] = (),
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.embedder = embedder
        self.engines = engines
        self._models_version = models_version
        self._batched = batched

    @property
    def models_version(self) -> str:
        return self._models_version

    @property
    def waiting(self) -> int:
        return sum(session.waiting for session in self._batched)

    def close(self) -> None:
        for session in self._batched:
            session.close()

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        """All garments of a photo. With `category` the garment in question (`pick_garment`) is looked at as one of it,
        whatever the detector called it."""
        started = time.perf_counter()
        garments = self.cut_out(image, category)
        detected = time.perf_counter()
        landmarks, regions = self.locate(image, garments)
        located = time.perf_counter()
        embeddings = self.embedder.embed(garments, landmarks, regions)
        prints = prints_of(image, garments)
        described = tuple(
            DescribedGarment(garment.detection, marks, boxes, seen, mirrored, hashes[0], hashes[FLIPPED])
            for garment, marks, boxes, (seen, mirrored), hashes in zip(
                garments, landmarks, regions, embeddings, prints[1:], strict=True
            )
        )
        marks_ms = [(detected - started) * 1e3, (located - detected) * 1e3, (time.perf_counter() - located) * 1e3]
        timings = dict(zip(("detect", "landmarks", "embed"), marks_ms, strict=True))
        return DescribedPhoto(image.sha256, image.width, image.height, self._models_version, described, timings, prints)

    def cut_out(self, image: Image, category: Category | None = None) -> list[Garment]:
        """The garments of a photo, most confident first."""
        return [crop_garment(image, found) for found in relabelled(self.detector.detect(image), category)]

    def locate(self, image: Image, garments: Sequence[Garment]) -> tuple[list[Landmarks], list[tuple[Region, ...]]]:
        """Landmarks and regions of its garments, in photo pixels: what any embedder is fed beside the crops."""
        landmarks = self.landmarker.estimate(garments)
        regions = [
            locate_whole(garment.detection.box, image.width, image.height)
            if garment.detection.category.is_bottom
            else locate_regions(marks, image.width, image.height)
            for garment, marks in zip(garments, landmarks, strict=True)
        ]
        return landmarks, regions


def pick_garment(detections: Sequence[Detection], category: Category | None) -> int:
    """Row of the garment that a photo is about: the largest of the category's group, else the largest of all."""
    group = None if category is None else category.group
    rows = [row for row, detection in enumerate(detections) if detection.category.group is group]
    return max(rows or range(len(detections)), key=lambda row: detections[row].box.area)


def relabelled(detections: Sequence[Detection], category: Category | None) -> list[Detection]:
    """The detections with the garment in question called `category`."""
    renamed = list(detections)
    if category is not None and renamed:
        row = pick_garment(renamed, category)
        renamed[row] = replace(renamed[row], category=category)
    return renamed


def prints_of(image: Image, garments: Sequence[Garment]) -> tuple[tuple[bytes, ...], ...]:
    """`DescribedPhoto.prints`."""
    return (dihedral_fingerprints(image.pixels), *(dihedral_fingerprints(garment.crop) for garment in garments))


def models_version(manifests: Sequence[Manifest]) -> str:
    """Twelve hex digits that change whenever one of the networks does."""
    return hashlib.sha256("".join(manifest.sha256 for manifest in manifests).encode()).hexdigest()[:12]
