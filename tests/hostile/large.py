"""Photos of nearly 40 megapixels, lying on their side: within the limits, so they are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image as PillowImage

from tests.hostile.files import SEEN, HostileFile, picture
from tests.photos import saved

SIDE = 6_320
"""Squared: 39.9 of the 40 megapixels that a photo may have."""
_KINDS = {
    "I;16": ("I;16", "PNG", {"compress_level": 1}),
    "RGBA": ("RGBA", "PNG", {"compress_level": 1}),
    "LA": ("LA", "PNG", {"compress_level": 1}),
    "P": ("P", "PNG", {"compress_level": 1}),
    "CMYK": ("CMYK", "JPEG", {"quality": 90}),
    "progressive": ("RGB", "JPEG", {"progressive": True, "quality": 90, "subsampling": 0}),
    "progressive-CMYK": ("CMYK", "JPEG", {"progressive": True, "quality": 90}),
    "lossy": ("RGBA", "WEBP", {"quality": 50, "method": 0}),
    "lossless": ("RGBA", "WEBP", {"lossless": True, "quality": 0, "method": 0}),
    "gif": ("P", "GIF", {}),
}
"""Mode, format and options of each."""


def large_files() -> Iterator[HostileFile]:
    """One of each kind."""
    for name, make in large_photos().items():
        yield HostileFile(f"40-megapixels-{name.replace(';', '')}", make(), SEEN)


def large_photos() -> dict[str, Callable[[], bytes]]:
    """Each made when it is called, since none of them is small while it is drawn."""
    return {name: lambda kind=kind: _large(*kind) for name, kind in _KINDS.items()}  # type: ignore[misc]


def _large(mode: str, kind: str, options: dict[str, object]) -> bytes:
    """The pattern in as many pixels as a photo may have, with an EXIF tag that turns it by 90°."""
    drawn = picture("RGB" if mode == "I;16" else mode).resize((SIDE, SIDE), PillowImage.Resampling.NEAREST)
    if mode == "I;16":
        drawn = PillowImage.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 257)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    return saved(drawn, kind, **({} if kind == "GIF" else {"exif": exif}), **options)
