"""Floors, sheets and carpets to lay a garment on."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Ground(StrEnum):
    """What the garment lies on."""

    WOOD = "wood"
    SHEET = "sheet"
    CARPET = "carpet"
    TILES = "tiles"
    PAPER = "paper"


_COLOURS = {
    Ground.WOOD: ((178, 132, 88), (142, 108, 78), (203, 164, 116), (120, 112, 104), (160, 120, 82)),
    Ground.SHEET: ((226, 222, 214), (188, 170, 152), (150, 140, 150), (206, 196, 176), (120, 130, 145)),
    Ground.CARPET: ((170, 160, 146), (120, 110, 104), (198, 190, 178), (96, 104, 112), (150, 128, 108)),
    Ground.TILES: ((208, 200, 186), (184, 180, 176), (222, 214, 200), (166, 158, 150), (196, 186, 168)),
    Ground.PAPER: ((240, 238, 234), (228, 226, 222), (214, 214, 212), (236, 230, 220), (246, 246, 246)),
}


def draw_ground(ground: Ground, rng: np.random.Generator, height: int, width: int) -> Floats:
    """float32 (height, width, 3), 0..255."""
    shades = _COLOURS[ground]
    colour = np.array(shades[int(rng.integers(len(shades)))], np.float32) + rng.normal(0, 5, 3).astype(np.float32)
    light = {
        Ground.WOOD: _wood,
        Ground.SHEET: _sheet,
        Ground.CARPET: _carpet,
        Ground.TILES: _tiles,
        Ground.PAPER: _paper,
    }[ground](rng, height, width)
    return np.asarray((colour * (1 + light[..., None])).clip(0, 255), dtype=np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, scale: tuple[float, float]) -> Floats:
    """About zero mean and unit spread, features of `scale` (vertical, horizontal) px."""
    rows, columns = (max(3, int(size / step) + 2) for size, step in zip((height, width), scale, strict=True))
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _wood(rng: np.random.Generator, height: int, width: int) -> Floats:
    plank = int(rng.uniform(0.11, 0.2) * width)
    light = np.zeros((height, width), dtype=np.float32)
    grain = 0.05 * smooth_noise(rng, height, width, (120, 2)) + 0.05 * smooth_noise(rng, height, width, (260, 7))
    offset = int(rng.integers(plank))
    for number, left in enumerate(range(-offset, width, plank)):
        part = slice(max(left, 0), min(left + plank, width))
        light[:, part] = np.roll(grain[:, part], int(rng.integers(height)), axis=0) + rng.normal(0, 0.06)
        light[:, max(left, 0) : max(left, 0) + 2] -= 0.22
        joint = int(rng.integers(height)) if number % 2 else None
        if joint is not None:
            light[joint : joint + 2, part] -= 0.2
    return np.ascontiguousarray(light if rng.random() < 0.65 else cv2.resize(light.T, (width, height)))


def _sheet(rng: np.random.Generator, height: int, width: int) -> Floats:
    swell = smooth_noise(rng, height, width, (height / 3, width / 4))
    y, x = np.mgrid[:height, :width].astype(np.float32) / width
    angle = rng.uniform(-0.7, 0.7)
    phase = (x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(2.0, 4.0) + 0.55 * swell
    # Narrow ridges with wide valleys between, as a sheet wrinkles.
    ridge = np.abs(np.sin(np.pi * phase)) ** 0.4 * (0.6 + 0.4 * smooth_noise(rng, height, width, (height / 4, 90)))
    slope = np.gradient(cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 5), axis=1) * 9
    weave = 0.02 * smooth_noise(rng, height, width, (1.5, 1.5))
    return np.asarray((0.5 * slope).clip(-0.14, 0.1) + 0.03 * swell + weave, dtype=np.float32)


def _carpet(rng: np.random.Generator, height: int, width: int) -> Floats:
    pile = 0.10 * smooth_noise(rng, height, width, (3, 3)) + 0.06 * smooth_noise(rng, height, width, (7, 6))
    return np.asarray(pile + 0.04 * smooth_noise(rng, height, width, (150, 150)), dtype=np.float32)


def _tiles(rng: np.random.Generator, height: int, width: int) -> Floats:
    step = rng.uniform(0.24, 0.42) * width
    angle = rng.choice([0.0, np.pi / 4, rng.uniform(-0.2, 0.2)])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    joint = np.minimum(np.abs((u % step) - step / 2), np.abs((v % step) - step / 2)) < 1.8
    light = 0.03 * smooth_noise(rng, height, width, (60, 90)) + 0.01 * rng.standard_normal((height, width))
    return np.asarray(light - 0.22 * cv2.GaussianBlur(joint.astype(np.float32), (0, 0), 0.8), dtype=np.float32)


def _paper(rng: np.random.Generator, height: int, width: int) -> Floats:
    fibre = 0.008 * rng.standard_normal((height, width))
    return np.asarray(fibre + 0.015 * smooth_noise(rng, height, width, (200, 200)), dtype=np.float32)
