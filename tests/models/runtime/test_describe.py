"""The networks in a row, with stand-ins for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.fingerprint import fingerprint
from models.geometry import Box
from models.runtime.describe import PhotoDescriber, pick_garment, relabelled
from models.taxonomy import Category
from models.types import Detection, Garment, Image, Landmarks, Region, RegionEmbeddings
from tests.factories import make_embeddings, make_landmarks
from tests.photos import draw_pattern

TOP = Detection(Box(10, 10, 110, 110), Category.SHORT_SLEEVE_TOP, 0.9)
SKIRT = Detection(Box(10, 100, 210, 290), Category.SKIRT, 0.8)
SMALL_SKIRT = Detection(Box(10, 100, 60, 150), Category.SKIRT, 0.95)


class Scripted:
    """Detector, landmarker and embedder that answer as told and remember what they were asked."""

    def __init__(self, detections: list[Detection]) -> None:
        self.detections = detections
        self.batches: list[int] = []

    def detect(self, image: Image) -> list[Detection]:
        assert image.width == 240
        return self.detections

    def estimate(self, garments: Sequence[Garment]) -> list[Landmarks]:
        self.batches.append(len(garments))
        return [make_landmarks(1, garment.detection.category, garment.detection.box) for garment in garments]

    def embed(
        self, garments: Sequence[Garment], landmarks: Sequence[Landmarks], regions: Sequence[tuple[Region, ...]]
    ) -> list[tuple[RegionEmbeddings, RegionEmbeddings]]:
        self.batches.append(len(garments))
        assert len(landmarks) == len(garments)
        masks = [sum(1 << row for row, region in enumerate(five) if region.visible) for five in regions]
        return [
            (make_embeddings(row, mask), make_embeddings(row + 50, mask).mirrored_rows())
            for row, mask in enumerate(masks)
        ]


def describe(detections: list[Detection], category: Category | None = None) -> tuple[Scripted, list[Category]]:
    parts = Scripted(detections)
    photo = PhotoDescriber(parts, parts, parts, "m1").describe(Image(draw_pattern(1), "a" * 64), category)
    assert (photo.models_version, photo.sha256, photo.width, photo.height) == ("m1", "a" * 64, 240, 300)
    assert set(photo.timings_ms) == {"detect", "landmarks", "embed"}
    return parts, [garment.detection.category for garment in photo.garments]


def test_every_garment_is_described_in_one_batch() -> None:
    """In the detector's order."""
    parts, categories = describe([TOP, SKIRT])
    assert categories == [Category.SHORT_SLEEVE_TOP, Category.SKIRT]
    assert parts.batches == [2, 2]


def test_a_photo_without_garments_is_described_as_such() -> None:
    """No network fails on an empty batch."""
    assert describe([])[1] == []
    assert describe([], Category.VEST)[1] == []


def test_a_told_category_renames_the_largest_garment_of_its_group() -> None:
    """The vest that was called a top; the skirt stays a skirt."""
    assert describe([TOP, SKIRT], Category.VEST)[1] == [Category.VEST, Category.SKIRT]
    assert describe([SMALL_SKIRT, SKIRT], Category.SHORTS)[1] == [Category.SKIRT, Category.SHORTS]


def test_a_told_category_that_was_not_seen_renames_the_largest_garment() -> None:
    """The caller knows better than the detector."""
    assert describe([TOP, SKIRT], Category.VEST_DRESS)[1] == [Category.SHORT_SLEEVE_TOP, Category.VEST_DRESS]


@pytest.mark.parametrize(
    ("category", "row"), [(None, 1), (Category.VEST, 0), (Category.SHORTS, 1), (Category.SLING, 0)]
)
def test_the_garment_in_question_is_the_largest_of_the_group_or_of_all(category: Category | None, row: int) -> None:
    """So that an add and a check agree on it, before and after renaming."""
    assert pick_garment([TOP, SKIRT], category) == row
    assert pick_garment(relabelled([TOP, SKIRT], category), category) == row


def test_fingerprints_are_near_for_the_same_picture_and_far_for_others() -> None:
    """PDQ: 31 bits of 256 are "the same"."""

    def bits(a: bytes, b: bytes) -> int:
        return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()

    pixels = np.kron(np.random.default_rng(1).integers(0, 255, (14, 14, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    other = np.kron(np.random.default_rng(2).integers(0, 255, (14, 14, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    noisy = (pixels.astype(int) + np.random.default_rng(3).integers(-6, 7, pixels.shape)).clip(0, 255).astype(np.uint8)
    assert len(fingerprint(pixels)) == 32
    assert bits(fingerprint(pixels), fingerprint(noisy)) <= 31
    assert bits(fingerprint(pixels), fingerprint(other)) > 80
