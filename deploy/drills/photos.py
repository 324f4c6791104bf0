"""Photos to drill with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from deploy.load import padded
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE

Photo = Callable[[int], bytes]


def pattern(seed: int, noise_rows: int = 0) -> bytes:
    """A PNG of coloured blocks, another one for every seed: a garment to the fake models. Noise makes it larger."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, size=(30, 24, 3), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    noise = rng.integers(0, 256, size=(noise_rows, 240, 3), dtype=np.uint8)
    done, data = cv2.imencode(".png", np.vstack([blocks, noise]))
    assert done
    return data.tobytes()


def garment(seed: int) -> bytes:
    """A drawn garment that the real models see, in bytes of its own for every seed."""
    jpeg = _drawn(seed % len(WARDROBE))
    return padded(jpeg, len(jpeg) + 12, seed.to_bytes(8, "big"))


@lru_cache(maxsize=len(WARDROBE))
def _drawn(number: int) -> bytes:
    return render(WARDROBE[number], Scene.drawn(number, 450, 540)).jpeg()
