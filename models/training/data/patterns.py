"""Procedural cloth, prints and grounds, drawn with numpy and OpenCV from a seeded generator."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Colour = npt.NDArray[np.float32]
_WORDS = ("LOVE", "NYC", "1984", "SUN", "team", "WILD", "ok", "Paris", "GO", "23", "NO", "surf", "K9", "MILK", "jazz")
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, cv2.FONT_HERSHEY_SIMPLEX)


def draw_colour(rng: np.random.Generator) -> Colour:
    """A colour as cloth comes in: greys, pastels and strong ones; float32 (3,) RGB 0..255."""
    hue, kind = rng.uniform(0, 180), rng.random()
    saturation = rng.uniform(0, 30) if kind < 0.3 else rng.uniform(60, 230)
    value = rng.uniform(20, 250) if kind < 0.3 else rng.uniform(90, 250)
    pixel = np.array([[[hue, saturation, value]]], dtype=np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], dtype=np.float32)


def contrasting_colour(rng: np.random.Generator, colour: Colour, least: float = 70.0) -> Colour:
    """A drawn colour at least this far (RGB) from another."""
    drawn = draw_colour(rng)
    for _ in range(12):
        if np.linalg.norm(drawn - colour) >= least:
            return drawn
        drawn = draw_colour(rng)
    return np.asarray(255 - drawn if colour.mean() > 128 else 128 + drawn / 2, dtype=np.float32)


def draw_cloth(rng: np.random.Generator, height: int, width: int, period: float, first: Colour) -> Pixels:
    """Stripes, checks, dots, waves or blotches in `first` and a contrasting colour; uint8 (H, W, 3)."""
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)], p=[0.4, 0.3, 0.3])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period
    v = (-x * np.sin(angle) + y * np.cos(angle)) / period
    kind = rng.choice(["stripes", "checks", "dots", "waves", "blotches"], p=[0.3, 0.25, 0.2, 0.1, 0.15])
    duty = rng.uniform(0.3, 0.6)
    if kind == "stripes":
        share = (u % 1 < duty).astype(np.float32)
    elif kind == "checks":
        share = 0.5 * ((u % 1 < duty).astype(np.float32) + (v % 1 < duty))
    elif kind == "dots":
        share = (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < duty / 1.6).astype(np.float32)
    elif kind == "waves":
        share = (np.sin(2 * np.pi * (u + 0.3 * np.sin(2 * np.pi * v))) > 0.2).astype(np.float32)
    else:
        share = (smooth_noise(rng, height, width, period * 1.2) > 0.1).astype(np.float32)
    second = contrasting_colour(rng, first)
    cloth = first + cv2.GaussianBlur(share, (0, 0), 0.6)[..., None] * (second - first)
    return np.asarray(cloth.clip(0, 255), dtype=np.uint8)


def smooth_noise(rng: np.random.Generator, height: int, width: int, scale: float) -> npt.NDArray[np.float32]:
    """float32 (H, W), about zero mean and unit spread, features of `scale` px."""
    rows, columns = max(2, int(height / scale) + 2), max(2, int(width / scale) + 2)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def draw_graphic(
    rng: np.random.Generator, height: int, width: int, cloth: Colour
) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """A print for cloth of this colour: words or shapes; uint8 (H, W, 3) and its alpha (H, W) 0..1."""
    ink = contrasting_colour(rng, cloth)
    paint = np.broadcast_to(ink, (height, width, 3)).astype(np.uint8).copy()
    alpha = np.zeros((height, width), dtype=np.uint8)
    if rng.random() < 0.5:
        _draw_words(rng, alpha)
    else:
        _draw_shapes(rng, alpha, paint, cloth)
    return paint, np.asarray(alpha / 255.0, dtype=np.float32)


def draw_word(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float32]:
    """One word that fills a box of this size, alpha float32 (H, W) 0..1."""
    word, font = str(rng.choice(_WORDS)), int(rng.choice(_FONTS))
    (wide, tall), below = cv2.getTextSize(word, font, 4.0, 12)
    drawn = np.zeros((tall + below + 16, wide + 16), dtype=np.uint8)
    cv2.putText(drawn, word, (8, tall + 8), font, 4.0, 255, 12, cv2.LINE_AA)
    x, y, inked_wide, inked_tall = cv2.boundingRect(drawn)
    letters = drawn[y : y + inked_tall, x : x + inked_wide]
    return np.asarray(cv2.resize(letters, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255), np.float32)


def _draw_words(rng: np.random.Generator, alpha: Pixels) -> None:
    height, width = alpha.shape
    lines = int(rng.integers(1, 4))
    font = int(rng.choice(_FONTS))
    for line in range(lines):
        word = str(rng.choice(_WORDS))
        (wide, tall), _ = cv2.getTextSize(word, font, 1.0, 2)
        scale = min(0.95 * width / wide, 0.8 * height / lines / max(tall, 1))
        thick = max(1, int(rng.uniform(1.5, 4) * scale))
        left = int((width - wide * scale) / 2)
        base = int(height * (line + 0.85) / lines)
        cv2.putText(alpha, word, (left, base), font, scale, 255, thick, cv2.LINE_AA)


def _draw_shapes(rng: np.random.Generator, alpha: Pixels, paint: Pixels, cloth: Colour) -> None:
    height, width = alpha.shape
    for number in range(int(rng.integers(1, 5))):
        if number:
            paint[:] = np.where((alpha > 0)[..., None], paint, contrasting_colour(rng, cloth).astype(np.uint8))
        centre = rng.uniform(0.3, 0.7, 2) * (width, height)
        radius = rng.uniform(0.2, 0.5) * min(width, height)
        corners = int(rng.integers(3, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if rng.random() < 0.5 else np.linspace(0, 6.283, 40)
        reach = radius * (rng.uniform(0.5, 1.0, len(angles)) if rng.random() < 0.5 else np.ones(len(angles)))
        outline = centre + np.stack([np.cos(angles), np.sin(angles)], -1) * reach[:, None]
        thickness = -1 if rng.random() < 0.65 else max(2, int(radius / 6))
        shape = [outline.astype(np.int32).reshape(-1, 1, 2)]
        if thickness < 0:
            cv2.fillPoly(alpha, shape, 255, cv2.LINE_AA)
        else:
            cv2.polylines(alpha, shape, True, 255, thickness, cv2.LINE_AA)


def draw_ground(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """A flat colour, paper, cloth, wood or tiles to lay a garment on; uint8 (H, W, 3)."""
    kind = rng.choice(["flat", "paper", "cloth", "wood", "tiles"], p=[0.2, 0.25, 0.2, 0.25, 0.1])
    colour = draw_colour(rng) if rng.random() < 0.5 else np.full(3, rng.uniform(120, 250), np.float32)
    texture = np.zeros((height, width), dtype=np.float32)
    if kind in ("paper", "cloth"):
        texture = 6 * smooth_noise(rng, height, width, 60) + 4 * smooth_noise(rng, height, width, 2)
    if kind == "cloth":
        texture = texture + 8 * smooth_noise(rng, height, width, 25)
    if kind == "wood":
        colour = np.array([rng.uniform(120, 210), rng.uniform(90, 160), rng.uniform(50, 120)], dtype=np.float32)
        grain = cv2.resize(smooth_noise(rng, max(2, height // 14), width, 3), (width, height))
        planks = (np.arange(height) % int(rng.uniform(25, 90)) < 2)[:, None] * -35.0
        texture = np.asarray(14 * grain + planks, dtype=np.float32)
        if rng.random() < 0.5:
            texture = np.asarray(cv2.resize(np.ascontiguousarray(texture.T), (width, height)), dtype=np.float32)
    if kind == "tiles":
        step = int(rng.uniform(30, 90))
        y, x = np.mgrid[:height, :width]
        texture = np.where((y % step < 2) | (x % step < 2), -30.0, 0.0).astype(np.float32)
    return np.asarray((colour + texture[..., None]).clip(0, 255), dtype=np.uint8)
