"""A table to sew on: colour, coverage and thickness of what has been laid down, in body widths scaled to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from service.demo.cloth import paint_cloth
from service.demo.cutting import Curve
from service.demo.designs import Cloth, Colour

Floats = npt.NDArray[np.float32]
_SHIFT = 4
"""Polygons are drawn with 1/16 px."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """`colour` float32 (H, W, 3) 0..255, `cover` (H, W) 0..1, `relief` (H, W) in body widths; drawn upon in place.

    `origin` is the place of pixel (0, 0) in body widths, `scale` pixels a body width.
    """

    colour: Floats
    cover: Floats
    relief: Floats
    origin: tuple[float, float]
    scale: float

    @staticmethod
    def around(points: Curve, scale: float, margin: float = 0.12) -> Canvas:
        """An empty canvas that holds these points with a margin (body widths)."""
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        width, height = (int(np.ceil(size * scale)) for size in high - low)
        return Canvas(
            np.zeros((height, width, 3), np.float32),
            np.zeros((height, width), np.float32),
            np.zeros((height, width), np.float32),
            (float(low[0]), float(low[1])),
            scale,
        )

    def places(self) -> tuple[Floats, Floats]:
        """x and y of every pixel's centre in body widths, float32 (H, W) each."""
        height, width = self.cover.shape
        x = self.origin[0] + (np.arange(width, dtype=np.float32) + 0.5) / self.scale
        y = self.origin[1] + (np.arange(height, dtype=np.float32) + 0.5) / self.scale
        grid = np.meshgrid(x, y)
        return grid[0].astype(np.float32), grid[1].astype(np.float32)

    def to_pixels(self, points: npt.ArrayLike) -> Curve:
        return np.asarray((np.asarray(points, dtype=np.float64) - self.origin) * self.scale)

    def area(self, outline: npt.ArrayLike) -> Floats:
        """Coverage (H, W), 0..1, of a polygon in body widths."""
        canvas = np.zeros(self.cover.shape, np.uint8)
        cv2.fillPoly(canvas, [self._fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
        return np.asarray(canvas / 255, dtype=np.float32)

    def band(self, line: npt.ArrayLike, wide: float) -> Floats:
        """Coverage of a line `wide` body widths thick."""
        return self.bands([line], wide)

    def bands(self, lines: Sequence[npt.ArrayLike], wide: float) -> Floats:
        """Coverage of several lines at once."""
        canvas = np.zeros(self.cover.shape, np.uint8)
        fixed = [self._fixed(line) for line in lines]
        cv2.polylines(canvas, fixed, False, 255, max(1, round(wide * self.scale)), cv2.LINE_AA, _SHIFT)
        return np.asarray(canvas / 255, dtype=np.float32)

    def lay_cloth(self, area: Floats, cloth: Cloth, turned: float = 0.0, thickness: float = 0.0) -> None:
        """Lay cloth over an area; `turned` radians its grain runs off the vertical."""
        x, y = self.places()
        u, v = x * np.cos(turned) + y * np.sin(turned), -x * np.sin(turned) + y * np.cos(turned)
        self.lay(area, paint_cloth(cloth, u, v, self.scale), thickness)

    def lay(self, area: Floats, paint: Floats | Colour, thickness: float = 0.0) -> None:
        """Lay a colour or picture over an area and make it part of the garment."""
        self.print_on(area, paint)
        np.maximum(self.cover, area, out=self.cover)
        if thickness:
            self.relief[:] += thickness * area

    def print_on(self, area: Floats, paint: Floats | Colour) -> None:
        """Change the colour only."""
        share = area[..., None]
        self.colour[:] += share * (np.asarray(paint, np.float32) - self.colour)

    def darken(self, area: Floats, share: float) -> None:
        self.colour[:] *= (1 - share * area)[..., None]

    def stitch(self, line: npt.ArrayLike, depth: float = 0.3) -> None:
        """A seam: a thin dark line that sinks in a little."""
        seam = cv2.GaussianBlur(self.band(line, 0.006), (0, 0), 0.8)
        self.darken(np.asarray(seam, np.float32), depth)
        self.relief[:] -= 0.002 * seam

    def spots(self, places: Sequence[tuple[float, float]], wide: float) -> Floats:
        """Coverage of round spots `wide` body widths across."""
        return self.bands([[place, (place[0], place[1] + 0.001)] for place in places], wide)

    def _fixed(self, points: npt.ArrayLike) -> npt.NDArray[np.int32]:
        scaled = self.to_pixels(points) * (1 << _SHIFT)
        return np.asarray(np.round(scaled), dtype=np.int32).reshape(-1, 1, 2)
