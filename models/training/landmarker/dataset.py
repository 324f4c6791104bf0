"""Labelled garments as training crops: decoded once, then cut, turned, lit and re-grounded anew in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from models.geometry import Box
from models.preprocessing import PADDING, ImageLimits, crop_square, decode, normalise
from models.runtime.landmarker import PICTURE_SIDE
from models.taxonomy import LANDMARK_CHANNELS, mirror_channels, slots_of
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.data.landmark_labels import LandmarkLabel
from models.training.data.outlines import outline_of, read_mask
from models.training.landmarker.augmentation import (
    Augmentation,
    Pixels,
    bare_ground,
    degraded,
    erased,
    laid_on,
    relit,
)
from models.training.landmarker.network import MAP_SIDE
from models.training.landmarker.objective import LandmarkBatch

LONG_SIDE = 360
"""Photos are kept at this size: a crop rarely needs more."""
ABSENT_WEIGHT = 0.3
"""How much a map that must stay empty counts; only hand-placed garments say that a landmark is absent."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A decoded garment; `places` (81, 2) and `rim` (N, 2) around it in its pixels; `weights`, `present` (81,)."""

    pixels: Pixels
    mask: Pixels | None
    rim: npt.NDArray[np.float64]
    places: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]


def load_sample(root: Path, label: LandmarkLabel) -> Sample:
    """Decode a garment's photo (and mask, where there is one) at `LONG_SIDE`."""
    photo = decode((root / label.path).read_bytes(), ImageLimits()).pixels
    scale = LONG_SIDE / max(photo.shape[:2])
    pixels = _resized(photo, scale)
    mask_path = root / "garments" / "masks" / f"{Path(label.photo).stem}.png"
    mask = read_mask(mask_path) if mask_path.exists() else None
    outline = outline_of(mask, 120) if mask is not None else None
    rim = outline.points if outline is not None and label.source == "template" else label.box.corners()
    channels = [slot.channel for slot in slots_of(label.category)]
    places, weights = np.zeros((LANDMARK_CHANNELS, 2)), np.zeros(LANDMARK_CHANNELS)
    present = np.ones(LANDMARK_CHANNELS, dtype=np.bool_)
    places[channels] = label.points[:, :2] * scale
    weights[channels] = label.points[:, 2]
    if label.source == "hand":
        absent = [channel for channel, weight in zip(channels, label.points[:, 2], strict=True) if weight == 0]
        present[absent], weights[absent] = False, ABSENT_WEIGHT
        known = label.points[label.points[:, 2] > 0, :2]
        rim = np.vstack([known, outline.points]) if outline is not None else known
        rim = rim.clip(label.box.as_array()[:2], label.box.as_array()[2:])
    small = None if mask is None else _resized(mask, scale, cv2.INTER_NEAREST)
    return Sample(pixels, small, np.asarray(rim, dtype=np.float64) * scale, places, weights, present)


class LandmarkDataset:
    """Samples in memory and the grounds they may be laid on."""

    def __init__(
        self, samples: Sequence[Sample], augmentation: Augmentation, *, seed: int, ground_count: int = 160
    ) -> None:
        self._samples = samples
        self._augmentation = augmentation
        self._seed = seed
        masked = [sample for sample in samples if sample.mask is not None]
        chosen = np.random.default_rng(seed).permutation(len(masked))[:ground_count]
        self._grounds = [bare_ground(sample.pixels, _mask(sample)) for sample in (masked[n] for n in chosen)]

    def __len__(self) -> int:
        return len(self._samples)

    def batches(self, epoch: int, batch_size: int) -> Iterator[LandmarkBatch]:
        """The samples once, shuffled and varied by the epoch's own random stream."""
        random = np.random.default_rng((self._seed, epoch))
        order = random.permutation(len(self))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            drawn = [self.draw(self._samples[number], random) for number in order[start : start + batch_size]]
            yield collate(drawn)

    def draw(self, sample: Sample, random: np.random.Generator) -> Sample:
        """One varied crop of a sample: pixels (224, 224, 3), places in crop pixels."""
        odds = self._augmentation
        pixels = sample.pixels
        if sample.mask is not None and self._grounds and random.random() < odds.new_ground:
            pixels = laid_on(pixels, sample.mask, self._grounds[random.integers(len(self._grounds))])
        matrix = _crop_matrix(sample.rim, odds, random)
        crop = _warped(pixels, matrix)
        places = sample.places @ matrix[:, :2].T + matrix[:, 2]
        weights, present = sample.weights.copy(), sample.present
        if random.random() < odds.flip:
            crop = crop[:, ::-1]
            mirror = list(mirror_channels())
            places = (places * (-1, 1) + (PICTURE_SIDE, 0))[mirror]
            weights, present = weights[mirror], present[mirror]
        crop = relit(np.ascontiguousarray(crop), random)
        if random.random() < odds.erase:
            crop, gone = erased(crop, places, random)
            weights[gone & present] *= odds.hidden_weight
        if random.random() < odds.degrade:
            crop = degraded(crop, random)
        outside = ((places < 0) | (places >= PICTURE_SIDE)).any(axis=1)
        weights[outside & present] = 0.0
        return Sample(crop, None, sample.rim, places, weights, present)


def collate(samples: Sequence[Sample]) -> LandmarkBatch:
    pictures = normalise(np.stack([sample.pixels for sample in samples]), IMAGENET_MEAN, IMAGENET_STD)
    places = np.stack([sample.places for sample in samples]) * (MAP_SIDE / PICTURE_SIDE)
    return LandmarkBatch(
        pictures=torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last),
        places=torch.from_numpy(places.astype(np.float32)),
        weights=torch.from_numpy(np.stack([sample.weights for sample in samples]).astype(np.float32)),
        present=torch.from_numpy(np.stack([sample.present for sample in samples]).astype(np.float32)),
    )


def _crop_matrix(
    rim: npt.NDArray[np.float64], odds: Augmentation, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """(2, 3): sample pixels → crop pixels, for the box that a detector would give the turned garment."""
    # Most garments hang straight: a triangular draw turns few of them far.
    angle = np.radians(random.triangular(-odds.turn, 0.0, odds.turn))
    stretch = random.uniform(0.92, 1.08)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([stretch, 1.0])
    box = Box.around(rim @ turn.T)
    shift = random.uniform(-odds.shift, odds.shift, 2) * (box.width, box.height)
    grow = random.uniform(-odds.scale, odds.scale)
    moved = Box(box.x1 + shift[0], box.y1 + shift[1], box.x2 + shift[0], box.y2 + shift[1]).grown(grow)
    square = crop_square(moved)
    scale = PICTURE_SIDE / square.width
    return np.column_stack([scale * turn, -scale * np.array([square.x1, square.y1])])


def _warped(pixels: Pixels, matrix: npt.NDArray[np.float64]) -> Pixels:
    shifted = matrix.copy()
    # OpenCV samples at pixel centres; our frames put (0, 0) at the corner.
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (PICTURE_SIDE, PICTURE_SIDE)
    crop = cv2.warpAffine(pixels, shifted, size, flags=cv2.INTER_LINEAR, borderValue=(PADDING,) * 3)
    return np.asarray(crop, dtype=np.uint8)


def _mask(sample: Sample) -> Pixels:
    assert sample.mask is not None
    return sample.mask


def _resized(pixels: npt.NDArray[np.uint8], scale: float, interpolation: int = cv2.INTER_AREA) -> Pixels:
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)
