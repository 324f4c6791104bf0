"""Garment → Landmarks: heatmaps from the network, read to a fraction of a map pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ModelFileError
from models.manifest import Manifest
from models.preprocessing import normalise
from models.runtime.session import ModelSession
from models.taxonomy import LANDMARK_CHANNELS, slots_of
from models.types import CROP_SIZE, Garment, Landmarks

INPUT = "pictures"
PICTURE_SIDE = 224
"""Side in pixels of what the network is fed, the crop shrunk (PS-Net, section 4)."""
LEAST_LEVEL = 1e-3
"""Levels are cut off below before their logarithm is taken."""


class LandmarkEstimator:
    """Places the slots of each garment's category; from a peak of `extra["visible_peak"]` up a landmark is visible."""

    def __init__(self, session: ModelSession, manifest: Manifest) -> None:
        try:
            self._visible_peak = float(manifest.extra["visible_peak"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{manifest.name}: the manifest lacks extra.visible_peak") from error
        self._session = session
        self._manifest = manifest

    def estimate(self, garments: Sequence[Garment]) -> list[Landmarks]:
        """Landmarks of each garment, in photo pixels; one run of the network for all."""
        if not garments:
            return []
        pictures = normalise(np.stack([shrink(g.crop) for g in garments]), self._manifest.mean, self._manifest.std)
        maps_BKHW = np.asarray(self._session.run({INPUT: pictures})[0], dtype=np.float32)
        if maps_BKHW.shape[:2] != (len(garments), LANDMARK_CHANNELS):
            raise ModelFileError(f"{self._manifest.name} gave {maps_BKHW.shape} for {len(garments)} garments")
        return [self._landmarks(garment, maps) for garment, maps in zip(garments, maps_BKHW, strict=True)]

    def _landmarks(self, garment: Garment, maps_KHW: npt.NDArray[np.float32]) -> Landmarks:
        category = garment.detection.category
        channels = [slot.channel for slot in slots_of(category)]
        places, peaks = read_heatmaps(maps_KHW[channels])
        points = garment.to_photo.apply(places * (CROP_SIZE / maps_KHW.shape[-1]))
        confidence = peaks.clip(0.0, 1.0)
        return Landmarks(category, points, confidence, confidence >= self._visible_peak)


def shrink(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A crop uint8 (288, 288, 3) as the network is fed it, uint8 (224, 224, 3)."""
    shrunk = cv2.resize(crop, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=np.uint8)


def read_heatmaps(maps_KHW: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where each map peaks, float32 (K, 2) in map pixels (the first pixel's centre is at 0.5), and how high (K,).

    Around the highest pixel a Gaussian is assumed, whose top three levels a row and a column give exactly.
    Source: Zhang et al., "Distribution-Aware Coordinate Representation" (DARK), CVPR 2020, with a diagonal Hessian.
    """
    count, height, width = maps_KHW.shape
    flat = maps_KHW.reshape(count, -1).argmax(axis=1)
    rows, columns = flat // width, flat % width
    every = np.arange(count)
    peaks = maps_KHW[every, rows, columns]
    logs = np.log(np.maximum(np.pad(maps_KHW, ((0, 0), (1, 1), (1, 1)), mode="edge"), LEAST_LEVEL))
    top = logs[every, rows + 1, columns + 1]
    dx = _vertex(logs[every, rows + 1, columns], top, logs[every, rows + 1, columns + 2])
    dy = _vertex(logs[every, rows, columns + 1], top, logs[every, rows + 2, columns + 1])
    # On the rim of the map one neighbour is missing: the pixel's own centre is the best guess.
    dx[(columns == 0) | (columns == width - 1)] = 0.0
    dy[(rows == 0) | (rows == height - 1)] = 0.0
    places = np.stack([columns + 0.5 + dx, rows + 0.5 + dy], axis=1)
    return places.astype(np.float32), peaks.astype(np.float32)


def _vertex(
    before: npt.NDArray[np.float32], top: npt.NDArray[np.float32], after: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Offset -0.5..0.5 of the top of the parabola through three neighbouring levels."""
    bend = 2.0 * top - before - after
    offset = np.where(bend > 1e-6, 0.5 * (after - before) / np.maximum(bend, 1e-6), 0.0)
    return np.asarray(offset.clip(-0.5, 0.5), dtype=np.float32)
