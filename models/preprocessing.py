"""Bytes → Image → what each network is fed; one implementation for queries, index adds, training and export."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from models.errors import ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedFormat
from models.geometry import Affine, Box
from models.types import CROP_SIZE, Detection, Garment, Image
from models.upright import Allocate, in_memory, orientation_of, upright_srgb

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
PADDING = 114
"""Grey of what lies outside the photo, as in common letterboxing."""
CROP_MARGIN = 0.08
"""Share of the box added on each side before cropping, so that landmarks on the edge stay inside."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a photo may measure; checked on the header, before pixels are allocated."""

    max_pixels: int = 40_000_000
    max_side: int = 12_000
    min_side: int = 32


def decode(data: bytes, limits: ImageLimits, allocate: Allocate = in_memory) -> Image:
    """Decode bytes to an upright sRGB photo: EXIF turned, ICC applied, alpha over white, first frame, 8 bit.

    Its pixels are in what `allocate` gives. Raises UnsupportedFormat, ImageTooLarge, ImageTooSmall, UndecodableImage,
    MemoryError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = upright_srgb(*_loaded(data, limits), allocate)
    except UnidentifiedImageError as error:
        raise UnsupportedFormat("the bytes are no JPEG, PNG, WebP or GIF image") from error
    except PillowImage.DecompressionBombError as error:
        raise ImageTooLarge(str(error)) from error
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, IndexError) as error:
        if isinstance(error, (ImageTooLarge, ImageTooSmall)):
            raise
        raise UndecodableImage(f"the image is damaged or cut short: {error}") from error
    pixels.setflags(write=False)
    return Image(pixels, hashlib.sha256(data).hexdigest())


def _loaded(data: bytes, limits: ImageLimits) -> tuple[PillowImage.Image, object]:
    """The first frame, of whatever mode, and its orientation."""
    with PillowImage.open(io.BytesIO(data), formats=FORMATS) as opened:
        _check_size(opened.size, limits)
        opened.seek(0)
        opened.load()
        # Without the reader, which for WebP holds three canvases more.
        return opened._new(opened.im), orientation_of(opened)


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels or max(size) > limits.max_side:
        raise ImageTooLarge(f"{width}×{height} pixels; at most {limits.max_pixels} in all and {limits.max_side} a side")
    if min(size) < limits.min_side:
        raise ImageTooSmall(f"{width}×{height} pixels; at least {limits.min_side} a side")


def letterbox(pixels: npt.NDArray[np.uint8], side: int) -> tuple[npt.NDArray[np.uint8], Affine]:
    """The photo scaled into a square of `side` px, padded right and below, and the map back to the photo."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(pixels, (new_width, new_height), interpolation=_interpolation(scale))
    canvas = np.full((side, side, 3), PADDING, dtype=np.uint8)
    canvas[:new_height, :new_width] = shrunk
    return canvas, Affine(np.array([[width / new_width, 0, 0], [0, height / new_height, 0]]))


def crop_garment(image: Image, detection: Detection) -> Garment:
    """The square around the detection, with a margin, at 288×288; the garment keeps its proportions."""
    square = crop_square(detection.box)
    crop = cut_square(image.pixels, square)
    target = Box(0, 0, CROP_SIZE, CROP_SIZE)
    return Garment(detection, crop, Affine.between(target, square))


def crop_square(box: Box) -> Box:
    """The square (photo pixels) that `crop_garment` cuts for a box."""
    half = max(box.width, box.height) * (0.5 + CROP_MARGIN)
    cx, cy = box.centre
    return Box(cx - half, cy - half, cx + half, cy + half)


def cut_square(pixels: npt.NDArray[np.uint8], square: Box, side: int = CROP_SIZE) -> npt.NDArray[np.uint8]:
    """Resample a square of the photo to side×side px; what lies outside the photo becomes grey."""
    scale = side / square.width
    # Shrinking by more than two skips pixels in a bilinear warp: halve the source first.
    shrink = 1
    while scale * shrink < 0.5:
        shrink *= 2
    if shrink > 1:
        height, width = pixels.shape[:2]
        size = (max(1, width // shrink), max(1, height // shrink))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        sx, sy = size[0] / width, size[1] / height
        square = Box(square.x1 * sx, square.y1 * sy, square.x2 * sx, square.y2 * sy)
    matrix = Affine.between(square, Box(0, 0, side, side)).matrix.copy()
    # OpenCV samples at pixel centres; our frames put (0, 0) at the corner.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    warped = cv2.warpAffine(
        pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(PADDING,) * 3
    )
    return warped.astype(np.uint8, copy=False)


def normalise(
    pixels_BHWC: npt.NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    """uint8 (B, H, W, 3) sRGB → float32 (B, 3, H, W); mean and std (0..1 scale) come from the model's manifest."""
    # Looked up: a channel has 256 levels, and dividing every pixel takes eight times as long.
    levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    scaled = (levels - np.array(mean, np.float32)) / np.array(std, np.float32)
    values: npt.NDArray[np.float32] = scaled.astype(np.float32).reshape(1, 256, 3)
    normal = np.empty((len(pixels_BHWC), 3, *pixels_BHWC.shape[1:3]), dtype=np.float32)
    for row, pixels in enumerate(pixels_BHWC):
        normal[row] = cv2.LUT(pixels, values).transpose(2, 0, 1)
    return normal


def landmark_maps(
    points_xy: npt.ArrayLike,
    channels: npt.ArrayLike,
    strength: npt.ArrayLike,
    side: int,
    channel_count: int,
    sigma: float = 1.0,
) -> npt.NDArray[np.float32]:
    """Gaussians at landmarks of the crop, float32 (channel_count, side, side), peak = `strength` (n,) 0..1.

    `points_xy` (n, 2) in crop pixels; `sigma` in map pixels (PS-Net: 1).
    """
    maps = np.zeros((channel_count, side, side), dtype=np.float32)
    axis = np.arange(side, dtype=np.float32) + 0.5
    places = np.asarray(points_xy, dtype=np.float32).reshape(-1, 2) * (side / CROP_SIZE)
    for (x, y), channel, peak in zip(places, np.asarray(channels), np.asarray(strength), strict=True):
        if peak > 0:
            gaussian = np.outer(
                np.exp(-((axis - y) ** 2) / (2 * sigma**2)), np.exp(-((axis - x) ** 2) / (2 * sigma**2))
            )
            np.maximum(maps[channel], peak * gaussian, out=maps[channel])
    return maps


def _interpolation(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
