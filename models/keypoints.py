"""Keypoints of a picture, and where those of another lie among them: ORB and RANSAC, as OpenCV has them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

POINTS_A_CELL = 40
CELLS = 5
"""Points are taken cell by cell, or one textured part of a collage would take them all."""
LEAST_POINTS = 8
"""Points that agree on a place: fewer do so by chance in any two photos, and could be half certain at most."""
_MOST_FOUND = 4000
_PATCH = 31
_RATIO = 0.85
_MOST_BITS = 64
"""Of 256: descriptors farther apart are no match."""
_REPROJECTION = 3.0

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """`places` float32 (n, 2) in pixels of the picture that was looked at, `descriptors` uint8 (n, 32)."""

    places: npt.NDArray[np.float32]
    descriptors: Pixels


def find_keypoints(pixels: Pixels) -> Keypoints:
    """Of a picture uint8 (H, W, 3), the strongest of every cell; none of one narrower than a descriptor's patch."""
    if min(pixels.shape[:2]) < _PATCH:
        return _none()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    finder = cv2.ORB.create(nfeatures=_MOST_FOUND, fastThreshold=7, edgeThreshold=_PATCH // 2, patchSize=_PATCH)
    height, width = grey.shape
    cells: dict[tuple[int, int], int] = {}
    kept = []
    for point in sorted(finder.detect(grey, None), key=lambda one: -one.response):
        cell = (int(point.pt[0] * CELLS / width), int(point.pt[1] * CELLS / height))
        if cells.get(cell, 0) < POINTS_A_CELL:
            cells[cell] = cells.get(cell, 0) + 1
            kept.append(point)
    points, descriptors = finder.compute(grey, kept)
    if not points:
        return _none()
    return Keypoints(np.array([point.pt for point in points], np.float32), np.asarray(descriptors, np.uint8))


def fit_keypoints(theirs: Keypoints, ours: Keypoints) -> tuple[int, npt.NDArray[np.float64] | None]:
    """How many of theirs agree on one shift, turn and scale into our picture, and that map, float64 (2, 3)."""
    if min(len(theirs.places), len(ours.places)) < LEAST_POINTS:
        return 0, None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(theirs.descriptors, ours.descriptors, k=2)
    good = [
        first
        for first, second in pairs
        if first.distance < _RATIO * second.distance and first.distance < _MOST_BITS
    ]  # fmt: skip
    if len(good) < LEAST_POINTS:
        return 0, None
    source = theirs.places[[one.queryIdx for one in good]]
    target = ours.places[[one.trainIdx for one in good]]
    matrix, inliers = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_REPROJECTION, maxIters=1000
    )
    if matrix is None or inliers.sum() < LEAST_POINTS or not 0.1 < np.hypot(*matrix[:, 0]) < 10:
        return 0, None
    return int(inliers.sum()), np.asarray(matrix, dtype=np.float64)


def _none() -> Keypoints:
    return Keypoints(np.empty((0, 2), np.float32), np.empty((0, 32), np.uint8))
