"""The relief of a laid-out garment: creases, drape and the thickness of its panels; and the light on it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from service.demo.cutting import ARMPIT_Y
from service.demo.grounds import smooth_noise

Floats = npt.NDArray[np.float32]
COARSE = 4
"""Creases are wide: their height map is computed this many times smaller."""


def crease_relief(rng: np.random.Generator, x: Floats, y: Floats, hem_y: float, sleeve_length: float) -> Floats:
    """Heights of creases over the canvas, in body widths; x, y (H, W) are body widths."""
    height, width = x.shape
    small_x, small_y = x[::COARSE, ::COARSE], y[::COARSE, ::COARSE]
    relief = np.zeros(small_x.shape, dtype=np.float32)
    for start, angle, length in _creases(rng, hem_y, sleeve_length):
        wide = rng.uniform(0.012, 0.035)
        along = (small_x - start[0]) * np.cos(angle) + (small_y - start[1]) * np.sin(angle)
        across = -(small_x - start[0]) * np.sin(angle) + (small_y - start[1]) * np.cos(angle)
        across = across + 0.05 * np.sin(along / length * rng.uniform(1.5, 4.0)) * rng.choice([-1, 1])
        fade = np.exp(-(((along - length / 2) / (length / 2)) ** 4) * 2)
        # Steep on one side, gentle on the other: cloth that fell over, not a wire under it.
        profile = np.where(across > 0, np.exp(-((across / wide) ** 2)), np.exp(-((across / (2.5 * wide)) ** 2)))
        relief += (rng.uniform(0.3, 1.0) * 0.0085 * fade * profile).astype(np.float32)
    rows, columns = len(relief), len(relief[0])
    unit = height / max(float(np.ptp(y)), 1e-6) / COARSE
    drape = smooth_noise(rng, rows, columns, (0.5 * unit, 0.22 * unit))
    crumple = smooth_noise(rng, rows, columns, (0.16 * unit, 0.12 * unit))
    relief += 0.0055 * drape + 0.0016 * crumple
    return np.asarray(cv2.resize(relief, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _creases(
    rng: np.random.Generator, hem_y: float, sleeve_length: float
) -> list[tuple[tuple[float, float], float, float]]:
    """Start (x, y), angle and length of each crease: from the armpits, over the waist, across the sleeves."""
    lines = []
    for sign in (-1, 1):
        for _ in range(3):
            angle = np.pi / 2 + sign * rng.uniform(0.15, 0.9)
            lines.append(((sign * rng.uniform(0.36, 0.5), ARMPIT_Y + rng.uniform(-0.08, 0.12)), angle, 0.45))
        for _ in range(int(2 + 4 * sleeve_length)):
            reach = rng.uniform(0.1, 0.9) * sleeve_length
            place = (sign * (0.55 + 0.6 * reach), 0.3 + 0.7 * reach)
            lines.append((place, rng.uniform(-0.6, 0.6) + (0 if sign > 0 else np.pi), 0.22))
    lines += [((rng.uniform(-0.4, 0.2), rng.uniform(ARMPIT_Y, hem_y)), rng.uniform(-0.5, 0.5), 0.4) for _ in range(5)]
    lines += [
        ((rng.uniform(-0.4, 0.4), rng.uniform(0.55, hem_y * 0.7)), np.pi / 2 + rng.normal(0, 0.12), 0.7)
        for _ in range(int(4 * max(0.0, hem_y - 1.0)) + 2)
    ]
    return lines


def light_relief(relief: Floats, pixels_per_unit: float, light_angle: float) -> Floats:
    """Brightness factor (H, W) of a relief in body widths, lit from `light_angle` (radians)."""
    dy, dx = np.gradient(relief * pixels_per_unit)
    slope = dx * np.cos(light_angle) + dy * np.sin(light_angle)
    # Hollows see less of the sky.
    hollow = relief - cv2.GaussianBlur(relief, (0, 0), 0.06 * pixels_per_unit)
    shade = 1.0 - 0.85 * slope + 7.0 * np.minimum(hollow, 0.0)
    # Cloth is matt: light saturates long before shadow does.
    return np.asarray(np.where(shade > 1, 1 + 0.13 * np.tanh((shade - 1) / 0.13), shade).clip(0.45), dtype=np.float32)


def weave_noise(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Brightness factor of threads, (H, W) about 1."""
    threads = smooth_noise(rng, height, width, (1.6, 2.4))
    slub = smooth_noise(rng, height, width, (2.0, 14.0))
    return np.asarray(1.0 + 0.022 * threads + 0.014 * slub, dtype=np.float32)
