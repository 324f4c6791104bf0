"""Other folds in the same cloth: what a made copy lacks otherwise, since it is made from the very photo it copies.

Without them an embedder learns to know a plain garment by its creases, and takes the same garment laid out anew for
another one.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.training.data.garment_picture import Floats, Mask, Pixels
from models.training.data.patterns import smooth_noise

LAYERS = 3
"""Directions of folds laid over one another."""


def iron(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Weak shading smoothed away, edges of prints and seams kept."""
    reach = float(rng.uniform(12, 30))
    return np.asarray(cv2.bilateralFilter(pixels, d=9, sigmaColor=reach, sigmaSpace=6), dtype=np.uint8)


def crease(pixels: Pixels, mask: Mask, rng: np.random.Generator, strength: float = 1.0) -> Pixels:
    """New folds on the garment: light and shade along a few directions, up to about a fifth of the brightness."""
    height, width = mask.shape
    shade = np.zeros((height, width), dtype=np.float32)
    for _ in range(LAYERS):
        shade += folds(height, width, rng)
    shade *= strength * rng.uniform(0.015, 0.055) * mask
    # Dark cloth shows its folds by gloss, not by shade: a little light is added as well as scaled.
    lit = pixels * (1 + shade)[..., None] + (40 * shade)[..., None]
    return np.asarray(lit.clip(0, 255), dtype=np.uint8)


def folds(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Streaks of one direction, here and there, float32 (H, W) of zero mean and unit spread."""
    side = int(np.ceil(np.hypot(height, width)))
    across, along = int(rng.integers(10, 34)), int(rng.integers(2, 6))
    rough = rng.standard_normal((across, along)).astype(np.float32)
    streaks = cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.uniform(0, 180)), 1.0)
    turned = cv2.warpAffine(streaks, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    top, left = (side - height) // 2, (side - width) // 2
    part = turned[top : top + height, left : left + width]
    part = np.sign(part) * np.abs(part) ** float(rng.uniform(0.8, 1.8))
    part = part * np.abs(smooth_noise(rng, height, width, min(height, width) / 3))
    return np.asarray((part - part.mean()) / max(float(part.std()), 1e-6), dtype=np.float32)
