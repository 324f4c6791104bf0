"""What is done to a picture before it is used again: cut, flipped, turned, marked, put beside others, filtered.

The picture itself stays; `copies.py` makes the other kind, the same design photographed anew. Deterministic by the
photo's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_WORDS = ("SALE -50%", "@street.shop", "NEW SEASON", "www.my-outfit.shop", "BEST PRICE", "only today")


class Attack(StrEnum):
    """One thing that is done to a picture; every one ends in a JPEG."""

    RECOMPRESS = "recompress"
    CROP = "crop"
    FLIP = "flip"
    ROTATE = "rotate"
    WATERMARK = "watermark"
    COLLAGE = "collage"
    SCREENSHOT = "screenshot"
    FILTER = "filter"
    BLUR = "blur"
    OVERLAY = "overlay"


@dataclass(frozen=True, slots=True, eq=False)
class PictureThief:
    """Reuses pictures; `others` (uint8 RGB, at least three) are what a collage is filled up with."""

    others: tuple[Pixels, ...]

    def reuse(self, photo: str, pixels: Pixels, attack: Attack, seed: int = 0) -> bytes:
        """The JPEG that would be uploaded. `photo` names the picture, uint8 (H, W, 3) sRGB."""
        digest = hashlib.sha256(f"attack {seed} {attack} {photo}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        if attack is Attack.COLLAGE:
            done = _collage(pixels, rng, self.others)
        else:
            done = pixels[:, ::-1] if attack is Attack.FLIP else _ATTACKS[attack](pixels, rng)
        quality = int(rng.integers(25, 60) if attack is Attack.RECOMPRESS else rng.integers(65, 93))
        encoded, data = cv2.imencode(".jpg", np.ascontiguousarray(done[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert encoded
        return bytes(data)


def _recompress(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Another size too, as shops make."""
    return _scaled(pixels, rng.uniform(0.6, 1.4))


def _crop(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """5 to 30 % of the height and of the width cut away, anyhow on the two sides."""
    height, width = pixels.shape[:2]
    cut_y, cut_x = (int(side * rng.uniform(0.05, 0.3)) for side in (height, width))
    top, left = int(rng.integers(cut_y + 1)), int(rng.integers(cut_x + 1))
    return pixels[top : top + height - cut_y, left : left + width - cut_x]


def _rotate(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.rot90(pixels, int(rng.integers(1, 4)))


def _watermark(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A line of words across the picture and a logo in a corner, both half transparent."""
    height, width = pixels.shape[:2]
    over = pixels.copy()
    colour = (255, 255, 255) if rng.random() < 0.6 else (20, 20, 20)
    size = width / rng.uniform(180, 420)
    place = (int(rng.uniform(0, 0.3) * width), int(rng.uniform(0.25, 0.85) * height))
    thick = max(1, round(size * 2))
    cv2.putText(over, str(rng.choice(_WORDS)), place, cv2.FONT_HERSHEY_DUPLEX, size, colour, thick, cv2.LINE_AA)
    corner = (int(rng.choice([0.12, 0.88]) * width), int(rng.choice([0.1, 0.9]) * height))
    cv2.circle(over, corner, int(0.08 * width), colour, max(2, width // 100), cv2.LINE_AA)
    share = rng.uniform(0.4, 0.9)
    return np.asarray(cv2.addWeighted(over, share, pixels, 1 - share, 0), dtype=np.uint8)


def _collage(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Pixels:
    """Two side by side, three in a row or four in a square, each scaled to its place, a gap between."""
    count = int(rng.integers(2, 5))
    columns = 2 if count == 4 else count
    rows = count // columns
    height, width = pixels.shape[:2]
    gap, tall, wide = int(rng.integers(0, 12)), int(height * 0.8), int(width * 0.8)
    ground = int(rng.choice([255, 0, 230]))
    canvas = np.full((rows * tall + (rows - 1) * gap, columns * wide + (columns - 1) * gap, 3), ground, np.uint8)
    filled = [others[i] for i in rng.choice(len(others), count - 1, replace=False)]
    filled.insert(int(rng.integers(count)), pixels)
    for number, one in enumerate(filled):
        top, left = number // columns * (tall + gap), number % columns * (wide + gap)
        canvas[top : top + tall, left : left + wide] = _covering(one, tall, wide)
    return canvas


def _screenshot(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """On a telephone's screen: a bar above, the picture over most of the width, words and a button below."""
    wide, tall = 390, 844
    dark = rng.random() < 0.3
    ground, ink = ((24, 24, 26), (235, 235, 235)) if dark else ((250, 250, 250), (40, 40, 40))
    screen = np.full((tall, wide, 3), ground, np.uint8)
    margin = int(rng.choice([0, 12, 24, 48]))
    height, width = pixels.shape[:2]
    inner = wide - 2 * margin
    shown = cv2.resize(pixels, (inner, max(1, round(height * inner / width))), interpolation=cv2.INTER_AREA)
    top = int(rng.integers(60, 130))
    shown = shown[: tall - top - 100]
    screen[top : top + len(shown), margin : margin + inner] = shown
    cv2.putText(screen, "9:41", (20, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, 1, cv2.LINE_AA)
    line = top + len(shown) + 40
    cv2.putText(screen, str(rng.choice(_WORDS)), (20, line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, ink, 2, cv2.LINE_AA)
    cv2.rectangle(screen, (20, tall - 54), (wide - 20, tall - 14), (30, 110, 220), -1)
    return _scaled(screen, rng.uniform(0.8, 1.5))


def _filter(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Grey, sepia, or another warmth, contrast and saturation."""
    kind = int(rng.integers(4))
    values = pixels.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    if kind == 0:
        values = np.repeat(grey, 3, axis=2)
    elif kind == 1:
        values = grey * np.array([1.07, 0.95, 0.78], np.float32)
    else:
        values = grey + (values - grey) * rng.uniform(0.3, 1.8)
        values *= np.array([1 + rng.uniform(-0.2, 0.2), 1, 1 + rng.uniform(-0.2, 0.2)], np.float32)
    contrast, light = rng.uniform(0.75, 1.3), rng.uniform(-25, 25)
    return np.asarray(((values - 128) * contrast + 128 + light).clip(0, 255), dtype=np.uint8)


def _blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.004, 0.008) * pixels.shape[1]), dtype=np.uint8)


def _overlay(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A sticker, opaque, over a fifth to a third of the width, anywhere."""
    height, width = pixels.shape[:2]
    radius = int(rng.uniform(0.1, 0.17) * width)
    centre = (int(rng.integers(radius, width - radius)), int(rng.integers(radius, height - radius)))
    colour = tuple(int(value) for value in rng.integers(30, 256, 3))
    over = pixels.copy()
    cv2.circle(over, centre, radius, colour, -1, cv2.LINE_AA)
    place = (centre[0] - radius * 3 // 4, centre[1] + radius // 4)
    cv2.putText(over, "-30%", place, cv2.FONT_HERSHEY_DUPLEX, radius / 48, (255, 255, 255), 2, cv2.LINE_AA)
    return over


_ATTACKS: Mapping[Attack, Callable[[Pixels, np.random.Generator], Pixels]] = MappingProxyType(
    {
        Attack.RECOMPRESS: _recompress,
        Attack.CROP: _crop,
        Attack.ROTATE: _rotate,
        Attack.WATERMARK: _watermark,
        Attack.SCREENSHOT: _screenshot,
        Attack.FILTER: _filter,
        Attack.BLUR: _blur,
        Attack.OVERLAY: _overlay,
    }
)


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=kind), dtype=np.uint8)


def _covering(pixels: Pixels, tall: int, wide: int) -> Pixels:
    """Scaled so that it covers a place, its middle cut out, as collage makers do."""
    height, width = pixels.shape[:2]
    scale = max(tall / height, wide / width)
    shrunk = cv2.resize(pixels, (max(wide, round(width * scale)), max(tall, round(height * scale))), interpolation=3)
    top, left = (shrunk.shape[0] - tall) // 2, (shrunk.shape[1] - wide) // 2
    return np.asarray(shrunk[top : top + tall, left : left + wide], dtype=np.uint8)
