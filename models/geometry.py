"""Boxes and affine maps in pixels; x to the right, y downwards, (0, 0) the top left corner of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue

Points = npt.NDArray[np.float32]
"""float32 (N, 2), x then y, in pixels of a frame."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box, in pixels of a frame that its owner names; never empty."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not (self.x1 < self.x2 and self.y1 < self.y2) or not np.isfinite(self.as_array()).all():
            raise InvalidValue(f"a box needs x1 < x2 and y1 < y2, got {self}")

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def diagonal(self) -> float:
        return float(np.hypot(self.width, self.height))

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def as_array(self) -> npt.NDArray[np.float32]:
        """float32 (4,): x1, y1, x2, y2."""
        return np.array([self.x1, self.y1, self.x2, self.y2], dtype=np.float32)

    def corners(self) -> Points:
        return np.array(
            [[self.x1, self.y1], [self.x2, self.y1], [self.x2, self.y2], [self.x1, self.y2]],
            dtype=np.float32,
        )

    def clipped(self, width: float, height: float) -> Box | None:
        """The part inside a frame of this size, or None where nothing is left."""
        x1, y1 = max(self.x1, 0.0), max(self.y1, 0.0)
        x2, y2 = min(self.x2, width), min(self.y2, height)
        return Box(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def grown(self, share: float) -> Box:
        """The box with `share` of its width and height added on each side."""
        dx, dy = share * self.width, share * self.height
        return Box(self.x1 - dx, self.y1 - dy, self.x2 + dx, self.y2 + dy)

    def mirrored(self, frame_width: float) -> Box:
        """The box in the frame flipped left to right."""
        return Box(frame_width - self.x2, self.y1, frame_width - self.x1, self.y2)

    @staticmethod
    def around(points_xy: npt.ArrayLike) -> Box:
        """The smallest box (at least 1 px a side) around points (N, 2)."""
        points = np.asarray(points_xy, dtype=np.float64).reshape(-1, 2)
        (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
        return Box(float(x1), float(y1), float(max(x2, x1 + 1.0)), float(max(y2, y1 + 1.0)))


def intersection_over_union(a: Box, b: Box) -> float:
    """Shared area over joined area, in 0..1."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (a.area + b.area - shared)


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """An invertible map from one frame to another; `matrix` is float64 (2, 3)."""

    matrix: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (2, 3) or abs(np.linalg.det(matrix[:, :2])) < 1e-12:
            raise InvalidValue("an affine map is an invertible (2, 3) matrix")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @staticmethod
    def between(source: Box, target: Box) -> Affine:
        """The axis-aligned map that takes `source` onto `target`."""
        sx, sy = target.width / source.width, target.height / source.height
        return Affine(np.array([[sx, 0, target.x1 - sx * source.x1], [0, sy, target.y1 - sy * source.y1]]))

    def apply(self, points_xy: npt.ArrayLike) -> Points:
        """Points (N, 2) carried to the target frame, float32 (N, 2)."""
        points = np.asarray(points_xy, dtype=np.float64).reshape(-1, 2)
        return (points @ self.matrix[:, :2].T + self.matrix[:, 2]).astype(np.float32)

    def apply_to_box(self, box: Box) -> Box:
        return Box.around(self.apply(box.corners()))

    def inverse(self) -> Affine:
        linear = np.linalg.inv(self.matrix[:, :2])
        return Affine(np.hstack([linear, -linear @ self.matrix[:, 2:]]))
