"""DeepFashion2's photos as scenes of the detector: every garment with its mask and its one category."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.preprocessing import ImageLimits, decode
from models.training.data.compositing import Pixels
from models.training.data.deepfashion2 import DeepFashion2Garment
from models.training.data.deepfashion2_sources import read_photos
from models.training.detector.scenes import LONGEST_SIDE, SMALLEST_SHARE, MarkedGarment, Scene

SOURCE = "deepfashion2"


def read_deepfashion2_scenes(folder: Path, *, every: int = 1) -> list[Scene]:
    """A scene for each `every`-th photo of the train fold, in memory. Raises DeepFashion2Error."""
    return [_scene(garments) for garments in read_photos(folder, every=every)]


def _scene(garments: list[DeepFashion2Garment]) -> Scene:
    photo = decode(garments[0].path.read_bytes(), ImageLimits()).pixels
    height, width = photo.shape[:2]
    share = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    pixels = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    marked = []
    for garment in garments:
        mask = _fitted(_mask(garment, width, height), size)
        if (mask > 0).mean() >= SMALLEST_SHARE:
            marked.append(MarkedGarment(mask, frozenset({garment.category})))
    return Scene(pixels, tuple(marked), SOURCE, upright=any(not garment.polygons for garment in garments))


def _mask(garment: DeepFashion2Garment, width: int, height: int) -> Pixels:
    """The outline's, or the box's where nobody drew one."""
    if garment.polygons:
        return garment.mask(width, height)
    mask = np.zeros((height, width), dtype=np.uint8)
    box = garment.box
    mask[max(0, round(box.y1)) : round(box.y2), max(0, round(box.x1)) : round(box.x2)] = 255
    return mask


def _fitted(mask: Pixels, size: tuple[int, int]) -> Pixels:
    resized = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return np.where(resized > 127, 255, 0).astype(np.uint8)
