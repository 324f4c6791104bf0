"""Noise for the landmark network to learn from, and how far a file's maps lie from those of torch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.geometry import Box
from models.preprocessing import crop_garment
from models.runtime.landmarker import INPUT
from models.runtime.session import OnnxSession
from models.taxonomy import LANDMARK_CHANNELS, Category
from models.training.landmarker.evaluate import TorchSession
from models.training.landmarker.network import LandmarkNetwork
from models.training.landmarker.objective import LandmarkBatch
from models.types import Detection, Garment, Image


def random_batch(count: int = 2) -> LandmarkBatch:
    generator = torch.Generator().manual_seed(4)
    return LandmarkBatch(
        torch.randn(count, 3, 224, 224, generator=generator),
        torch.rand(count, LANDMARK_CHANNELS, 2, generator=generator) * 50 + 3,
        torch.ones(count, LANDMARK_CHANNELS),
        torch.ones(count, LANDMARK_CHANNELS),
    )


def garments() -> list[Garment]:
    pixels = np.random.default_rng(2).integers(0, 256, (300, 260, 3)).astype(np.uint8)
    image = Image(pixels, "0" * 64)
    return [
        crop_garment(image, Detection(Box(20, 30, 200, 280), Category.SHORT_SLEEVE_TOP, 1.0)),
        crop_garment(image, Detection(Box(60, 10, 240, 200), Category.VEST_DRESS, 1.0)),
    ]


def map_gap(network: LandmarkNetwork, exported: Path, pictures_BCHW: npt.NDArray[np.float32]) -> float:
    """Largest difference between the maps of torch and of serving's session, as a share of the largest value in them.

    Maps, not places: where a network has learnt little, one map's peaks are so alike that rounding moves the place.
    """
    inputs = {INPUT: pictures_BCHW}
    ours, theirs = (np.asarray(session.run(inputs)[0]) for session in (TorchSession(network), OnnxSession(exported)))
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())
