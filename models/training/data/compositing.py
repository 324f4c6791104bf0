"""Cutting garments out by their masks and pasting them on other grounds.

All pictures are uint8 (H, W, 3) sRGB, all masks uint8 (H, W), 255 on the garment; maps carry corners of pixels, as
everywhere in `models.geometry`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.geometry import Affine, Box

Pixels = npt.NDArray[np.uint8]

CUT_MARGIN = 3
"""Pixels kept around a cut-out, so that its soft edge has room."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A garment without its ground; `mask` is soft at the edge."""

    pixels: Pixels
    mask: Pixels

    def __post_init__(self) -> None:
        if self.pixels.shape != (*self.mask.shape, 3):
            raise InvalidValue(f"pixels {self.pixels.shape} and mask {self.mask.shape} are of two sizes")
        if not (self.mask > 127).any():
            raise InvalidValue("a cut-out holds at least one pixel of a garment")

    @property
    def width(self) -> int:
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        return int(self.mask.shape[0])


def cut_out(pixels: Pixels, mask: Pixels) -> Cutout:
    """The garment under `mask`, trimmed to its box; the edge is drawn in by a pixel: masks keep a rim of ground."""
    inner = np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)), dtype=np.uint8)
    box = mask_box(inner)
    if box is None:
        raise InvalidValue("the mask is empty or thinner than three pixels")
    top, left = max(0, int(box.y1) - CUT_MARGIN), max(0, int(box.x1) - CUT_MARGIN)
    window = np.s_[top : int(box.y2) + CUT_MARGIN, left : int(box.x2) + CUT_MARGIN]
    soft = cv2.GaussianBlur(inner, (3, 3), 0)
    return Cutout(pixels[window].copy(), soft[window].astype(np.uint8))


def paste(ground: Pixels, cutout: Cutout, to_ground: Affine) -> tuple[Pixels, Pixels]:
    """The ground with the cut-out laid on it by `to_ground`, and the mask of what now shows, in the ground's frame."""
    height, width = ground.shape[:2]
    laid = warp(cutout.pixels, to_ground, width, height, border=cv2.BORDER_REPLICATE)
    mask = warp(cutout.mask, to_ground, width, height)
    alpha = mask[..., None].astype(np.float32) / 255
    blended = laid * alpha + ground * (1 - alpha)
    return blended.round().astype(np.uint8), mask


def warp(
    pixels: Pixels, to_target: Affine, width: int, height: int, *, border: int = cv2.BORDER_CONSTANT, fill: int = 0
) -> Pixels:
    """Resample a picture or mask into a frame of this size; outside the source lies `fill` or what `border` says."""
    matrix = to_target.matrix.copy()
    # OpenCV samples at pixel centres; our frames put (0, 0) at the corner.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (width, height)
    warped = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(fill,) * 3)
    return warped.astype(np.uint8, copy=False)


def mask_box(mask: Pixels) -> Box | None:
    """The box around what the mask shows, None where it shows nothing."""
    columns, rows = np.flatnonzero((mask > 127).any(axis=0)), np.flatnonzero((mask > 127).any(axis=1))
    if not len(columns):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def chain(*maps: Affine) -> Affine:
    """The map that applies `maps` from first to last."""
    whole = np.eye(3)
    for affine in maps:
        whole = np.vstack([affine.matrix, [0, 0, 1]]) @ whole
    return Affine(whole[:2])


def turn_about(x: float, y: float, degrees: float, scale: float = 1.0, *, flip: bool = False) -> Affine:
    """Scale, turn (clockwise on the screen) and perhaps flip left to right about a point, which stays where it is."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if flip:
        linear = linear @ np.diag([-1.0, 1.0])
    centre = np.array([x, y])
    return Affine(np.hstack([linear, (centre - linear @ centre)[:, None]]))


def shift(dx: float, dy: float) -> Affine:
    return Affine(np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]]))
