"""The outline of a mask as a closed curve, and what a landmark template needs of it: nearest places, paths, overlap.

All points are float64 (N, 2) in photo pixels. A curve runs as the landmark slots do: from the neck down the picture's
left side, along the hem and up the right side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue

Curve = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]

HANGER_SHARE = 0.012
"""Parts of a mask thinner than this share of its diagonal (hooks of hangers, price tags) are taken off."""
DETOUR = 1.8
"""A path along the outline longer than this many times the straight line is a hanger or a hole in the mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A closed curve of evenly spaced points (N, 2) with outward unit normals (N, 2)."""

    points: Curve
    normals: Curve

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape != self.normals.shape or len(self.points) < 8:
            raise InvalidValue("an outline has eight points or more, and a normal for each")

    @property
    def step(self) -> float:
        """Pixels between neighbours."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    @property
    def diagonal(self) -> float:
        """Of the box around it, in pixels."""
        return float(np.linalg.norm(np.ptp(self.points, axis=0)))

    def nearest(self, point: npt.ArrayLike) -> int:
        """Index of the outline point closest to `point`."""
        return int(((self.points - np.asarray(point)) ** 2).sum(axis=1).argmin())

    def between(self, start: npt.ArrayLike, end: npt.ArrayLike, fractions: npt.ArrayLike) -> Curve:
        """Points at `fractions` (0..1) of the way from `start` to `end` along the outline.

        The straight line is taken where the way along the outline is a detour.
        """
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        share = np.asarray(fractions, dtype=np.float64)[:, None]
        first, last = self.nearest(a), self.nearest(b)
        count = (last - first) % len(self.points)
        chord = float(np.linalg.norm(b - a))
        far = max(np.linalg.norm(self.points[first] - a), np.linalg.norm(self.points[last] - b)) > 0.05 * self.diagonal
        if far or count < 2 or count * self.step > DETOUR * chord + 2 * self.step:
            return np.asarray(a + share * (b - a))
        way = self.points[(first + np.arange(count + 1)) % len(self.points)]
        way = np.vstack([a, way[1:-1], b])
        return np.asarray(along(way, share[:, 0]))


def along(way: Curve, fractions: npt.NDArray[np.float64]) -> Curve:
    """Points at fractions (0..1) of the length of an open polyline."""
    lengths = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))]
    at = fractions * lengths[-1]
    return np.stack([np.interp(at, lengths, way[:, 0]), np.interp(at, lengths, way[:, 1])], axis=1)


def normals_of(points: Curve) -> Curve:
    """Unit normals of a closed curve, pointing out of a curve that runs as the landmark slots do."""
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True).clip(1e-9)
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def read_mask(path: Path) -> Mask:
    """uint8 (H, W) of 0 and 1."""
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise InvalidValue(f"{path} is no mask")
    return (mask > 0).astype(np.uint8)


def outline_of(mask: Mask, count: int = 240) -> Outline | None:
    """The outer curve of the largest part of a mask, `count` points; None where the mask is next to nothing."""
    rows, columns = np.nonzero(mask)
    if len(rows) < 100:
        return None
    diagonal = float(np.hypot(np.ptp(rows), np.ptp(columns)))
    size = max(3, round(HANGER_SHARE * diagonal)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    padded = cv2.copyMakeBorder(mask, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
    opened = cv2.morphologyEx(cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    largest = np.asarray(max(contours, key=cv2.contourArea))[:, 0, :].astype(np.float64)
    if abs(_signed_area(largest)) < 100:
        return None
    curve = largest - size + 0.5
    if _signed_area(curve) > 0:
        curve = curve[::-1]
    closed = np.vstack([curve, curve[:1]])
    points = along(closed, np.arange(count) / count)
    return Outline(points, normals_of(points))


def polygon_overlap(polygon: Curve, mask: Mask) -> float:
    """Intersection over union of a filled polygon and a mask."""
    filled = np.zeros_like(mask)
    cv2.fillPoly(filled, [np.round(polygon - 0.5).astype(np.int32)], 1)
    union = np.count_nonzero(filled | mask)
    return int(np.count_nonzero(filled & mask)) / max(1, int(union))


def _signed_area(curve: Curve) -> float:
    x, y = curve.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)
