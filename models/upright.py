"""A loaded picture of any mode → upright 8-bit sRGB, band by band: beside source and result stands next to nothing."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageCms
from PIL import Image as PillowImage

Pixels = npt.NDArray[np.uint8]
Allocate = Callable[[tuple[int, int, int]], Pixels]
"""Shape (H, W, 3) → writable uint8 array of that shape, whose content does not matter."""
_BAND_PIXELS = 1 << 18
_ON_ITS_SIDE, _UPSIDE_DOWN, _MIRRORED = (5, 6, 7, 8), (3, 4, 6, 7), (2, 3, 7, 8)
"""EXIF orientations: the file has the upright photo transposed, then its rows, then its columns reversed."""
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")


def in_memory(shape: tuple[int, int, int]) -> Pixels:
    """An array like any other."""
    return np.empty(shape, np.uint8)


def upright_srgb(picture: PillowImage.Image, orientation: object, allocate: Allocate = in_memory) -> Pixels:
    """uint8 (H, W, 3): turned as EXIF says (1 to 8, anything else as it lies), ICC applied, alpha over white."""
    width, height = picture.size
    convert = _conversion(picture)
    pixels = allocate((width, height, 3) if orientation in _ON_ITS_SIDE else (height, width, 3))
    stored = _as_stored(pixels, orientation)
    for top, bottom in _bands(width, height):
        stored[top:bottom] = np.asarray(convert(picture.crop((0, top, width, bottom))))
    return pixels


def orientation_of(picture: PillowImage.Image) -> object:
    """What EXIF, or XMP where there is none, says; whatever lies there."""
    return picture.getexif().get(ExifTags.Base.Orientation, 1)


def _bands(width: int, height: int) -> list[tuple[int, int]]:
    rows = max(1, _BAND_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _as_stored(upright: Pixels, orientation: object) -> Pixels:
    """A view of the upright photo as it lies in the file: what is written there is turned."""
    stored = upright.transpose(1, 0, 2) if orientation in _ON_ITS_SIDE else upright
    return stored[:: -1 if orientation in _UPSIDE_DOWN else 1, :: -1 if orientation in _MIRRORED else 1]


def _conversion(picture: PillowImage.Image) -> Callable[[PillowImage.Image], PillowImage.Image]:
    """What makes RGB of each band; found once, from what holds for the whole picture."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep_grey(_largest(picture))
    if "transparency" in picture.info or picture.mode in _TRANSPARENT:
        return _over_white
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), picture.mode, "RGB")
            return transform.apply
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile is common and harmless: fall through to the plain conversion
    return lambda band: band.convert("RGB")


def _largest(picture: PillowImage.Image) -> float:
    width, height = picture.size
    bands = (picture.crop((0, top, width, bottom)) for top, bottom in _bands(width, height))
    return max(float(np.asarray(band).max()) for band in bands)


def _from_deep_grey(largest: float) -> Callable[[PillowImage.Image], PillowImage.Image]:
    # 16-bit grey arrives as I;16 or I: scaled, since clipping to 255 would turn it white.
    full_scale = 65535.0 if largest > 255 else 255.0

    def convert(band: PillowImage.Image) -> PillowImage.Image:
        values = np.asarray(band, dtype=np.float64)
        return PillowImage.fromarray((values / full_scale * 255).clip(0, 255).astype(np.uint8)).convert("RGB")

    return convert


def _over_white(band: PillowImage.Image) -> PillowImage.Image:
    rgba = band.convert("RGBA")
    return PillowImage.alpha_composite(PillowImage.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
