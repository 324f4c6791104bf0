"""Other light, another camera: colour, sharpness, noise and compression changed as phones and shops change them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.training.data.compositing import Pixels


def relight(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """uint8 (H, W, 3) sRGB in, the same garment under other light out."""
    lit: npt.NDArray[Any] = cv2.LUT(pixels, _curves(rng))
    if rng.random() < 0.5:
        lit = _saturate(lit, float(rng.uniform(0.4, 1.5)))
    if rng.random() < 0.25:
        lit = _turn_hue(lit, int(rng.integers(180)))
    if rng.random() < 0.15:
        lit = cv2.GaussianBlur(lit, (0, 0), float(rng.uniform(0.4, 1.3)))
    if rng.random() < 0.15:
        lit = np.clip(lit + rng.normal(0, rng.uniform(2, 9), lit.shape), 0, 255)
    photo = np.ascontiguousarray(lit, dtype=np.uint8)
    return _compress(photo, int(rng.integers(35, 90))) if rng.random() < 0.25 else photo


def _curves(rng: np.random.Generator) -> Pixels:
    """A tone curve a channel, uint8 (1, 256, 3): gamma, contrast and brightness shared, white balance its own."""
    levels = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(-0.35, 0.35))
    contrast, brightness = rng.uniform(0.75, 1.25), rng.uniform(-0.1, 0.1)
    gains = np.exp(rng.normal(0, 0.06, 3))
    curves = ((levels - 0.5) * contrast + 0.5 + brightness) * gains
    return (np.clip(curves, 0, 1) * 255).round().astype(np.uint8)[None]


def _saturate(pixels: npt.NDArray[Any], share: float) -> Pixels:
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(pixels, share, grey, 1 - share, 0).astype(np.uint8, copy=False)


def _turn_hue(pixels: npt.NDArray[Any], half_degrees: int) -> Pixels:
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + half_degrees) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)


def _compress(pixels: Pixels, quality: int) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]
