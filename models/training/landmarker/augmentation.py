"""What befalls a garment crop before the network learns from it: another ground, light, a covering, blur."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.runtime.landmarker import PICTURE_SIDE

Pixels = npt.NDArray[np.uint8]

GROUND_SIDE = 160


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Odds and strengths; angles in degrees, `shift` and `scale` as shares of the box."""

    turn: float = 20.0
    shift: float = 0.08
    scale: float = 0.08
    flip: float = 0.5
    new_ground: float = 0.35
    erase: float = 0.35
    degrade: float = 0.3
    hidden_weight: float = 0.5


def bare_ground(pixels: Pixels, mask: Pixels) -> Pixels:
    """What lies around a garment, the garment itself painted over from its surroundings; (160, 160, 3)."""
    size = (GROUND_SIDE, GROUND_SIDE)
    hole = cv2.dilate(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.ones((7, 7), np.uint8))
    return np.asarray(cv2.inpaint(cv2.resize(pixels, size), hole, 5, cv2.INPAINT_TELEA), dtype=np.uint8)


def laid_on(pixels: Pixels, mask: Pixels, ground: Pixels) -> Pixels:
    """The garment on another ground, its edge softened over a pixel or two."""
    height, width = pixels.shape[:2]
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    under = cv2.resize(ground, (width, height)).astype(np.float32)
    return np.asarray(pixels * alpha + under * (1 - alpha), dtype=np.float32).clip(0, 255).astype(np.uint8)


def relit(crop: Pixels, random: np.random.Generator) -> Pixels:
    """Another light: hue, saturation, brightness, contrast and gamma."""
    hsv = cv2.cvtColor(crop, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + random.integers(-12, 13)) % 180
    hsv[..., 1] = (hsv[..., 1] * random.uniform(0.6, 1.4)).clip(0, 255)
    coloured = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    levels = np.arange(256) / 255.0
    curve = (levels ** random.uniform(0.7, 1.4) - 0.5) * random.uniform(0.7, 1.3) + 0.5 + random.uniform(-0.12, 0.12)
    return np.asarray(cv2.LUT(coloured, (curve * 255).clip(0, 255).astype(np.uint8)), dtype=np.uint8)


def erased(
    crop: Pixels, places: npt.NDArray[np.float64], random: np.random.Generator
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """A rectangle of one colour over the crop, and which places (81,) it hides."""
    size = random.uniform(0.08, 0.3, 2) * PICTURE_SIDE
    corner = random.uniform(0, PICTURE_SIDE - size)
    low, high = corner.astype(int), (corner + size).astype(int)
    covered = crop.copy()
    covered[low[1] : high[1], low[0] : high[0]] = random.integers(0, 256, 3)
    hidden = ((places >= low) & (places < high)).all(axis=1)
    return covered, np.asarray(hidden, dtype=np.bool_)


def degraded(crop: Pixels, random: np.random.Generator) -> Pixels:
    """Blurred or compressed, as photos of photos are."""
    if random.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), random.uniform(0.5, 1.8)), dtype=np.uint8)
    _, data = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 80))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]
