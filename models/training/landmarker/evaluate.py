"""How far estimated landmarks lie from hand-placed ones, measured through the serving code.

Error = distance / diagonal of the hand-placed box, over visible points; a key of two slots is their middle.
There is no DeepFashion2 ground truth here: these are our own 19 points a garment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.geometry import Box
from models.preprocessing import ImageLimits, crop_garment, decode
from models.runtime.landmarker import INPUT, LandmarkEstimator
from models.runtime.session import Arrays
from models.taxonomy import Category
from models.training.data.hand_landmarks import HandLandmarks
from models.training.device import device_of
from models.types import Detection, Garment, Landmarks

CLOSE = 0.05
"""Share of the diagonal within which a point counts as found (PCK)."""


@dataclass(frozen=True, slots=True)
class LandmarkQuality:
    """Mean error, share of points within 0.05, and the mean error by category and by key."""

    mean_error: float
    share_close: float
    points: int
    by_category: dict[str, float]
    by_key: dict[str, float]


class TorchSession:
    """A network behind the protocol of `models.runtime.session`, so that training measures with the serving code."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network

    @property
    def provider(self) -> str:
        return "torch"

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        self._network.eval()
        with torch.no_grad():
            maps = self._network(torch.from_numpy(inputs[INPUT]).to(device_of(self._network)))
        return (maps.float().cpu().numpy(),)


def jittered(box: Box, random: np.random.Generator, share: float = 0.04) -> Box:
    """A box as a detector would give it: each side off by up to `share` of the box."""
    sides = box.as_array() + random.uniform(-share, share, 4) * (box.width, box.height, box.width, box.height)
    return Box(*map(float, sides))


def cut_garments(
    hands: Sequence[HandLandmarks], paths: Mapping[str, Path], *, seed: int = 0, share: float = 0.04
) -> list[Garment]:
    """The garments of hand-placed photos in their true category, in boxes as a detector would give them."""
    random = np.random.default_rng(seed)
    garments = []
    for hand in hands:
        assert hand.category is not None
        image = decode(paths[hand.photo].read_bytes(), ImageLimits())
        garments.append(crop_garment(image, Detection(jittered(hand.box, random, share), hand.category, 1.0)))
    return garments


def measure(
    estimator: LandmarkEstimator,
    hands: Sequence[HandLandmarks],
    garments: Sequence[Garment],
    key_slots: Mapping[Category, Mapping[str, tuple[int, ...]]],
    *,
    batch_size: int = 16,
) -> LandmarkQuality:
    """Estimate all garments and compare with the points placed by hand."""
    starts = range(0, len(garments), batch_size)
    found = [marks for start in starts for marks in estimator.estimate(garments[start : start + batch_size])]
    by_category: dict[str, list[float]] = defaultdict(list)
    by_key: dict[str, list[float]] = defaultdict(list)
    for hand, landmarks in zip(hands, found, strict=True):
        for key, error in point_errors(hand, landmarks, key_slots).items():
            by_category[str(hand.category)].append(error)
            by_key[key].append(error)
    everything = np.array([error for errors in by_key.values() for error in errors])
    return LandmarkQuality(
        mean_error=float(everything.mean()),
        share_close=float((everything <= CLOSE).mean()),
        points=len(everything),
        by_category={name: float(np.mean(errors)) for name, errors in sorted(by_category.items())},
        by_key={name: float(np.mean(errors)) for name, errors in sorted(by_key.items())},
    )


def point_errors(
    hand: HandLandmarks, landmarks: Landmarks, key_slots: Mapping[Category, Mapping[str, tuple[int, ...]]]
) -> dict[str, float]:
    """Key → error of each visible point that the estimated category has slots for."""
    errors = {}
    for key, slots in key_slots[landmarks.category].items():
        x, y, visibility = hand.points[key]
        if visibility == 2:
            place = landmarks.points_xy[list(slots)].mean(axis=0)
            errors[key] = float(np.hypot(place[0] - x, place[1] - y)) / hand.box.diagonal
    return errors
