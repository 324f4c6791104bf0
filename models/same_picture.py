"""Whether one photo contains another: the same picture cut, flipped, turned, marked or put beside others.

Keypoints of the registered photo are found again in the query and agree on one place, size and turn for it; there the
pixels are compared. A garment photographed anew lies on other ground, in another perspective and in other folds: some
points agree, the pixels do not. Both photos are looked at in grey, small, so that this takes some milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.fingerprint import FLIPPED, orient
from models.geometry import Box
from models.keypoints import Keypoints, find_keypoints, fit_keypoints

QUERY_SIDE = 640
"""Pixels of the query's longer side: in a collage of four the picture is still 320."""
SIDE = 320
COMPARED_SIDE = 192
"""At which pixels are compared: compression and small shifts matter little there."""
_WINDOW = 11
"""Side of the square (compared pixels) in which two pictures are correlated."""
_NOISE = 4.0
"""Variance of grey levels that compression alone makes."""
_TEXTURED = 8.0
_MOST_CHANGE = 22.0
"""Grey levels, a channel, left of a difference once the whole picture's change of colour is taken away."""
_SURE = 0.6
"""Confidence from which no other place is tried."""
_HALF_CERTAIN = 8
"""Points whose agreement on one place is worth half of full certainty."""
_PRINT_WORTH = 3 * _HALF_CERTAIN
"""Points that a near print of the whole query is worth: cloth without texture has few of its own, and 256 bits that
agree within a policy's radius are no accident."""

_THIRDS = np.full(3, 1 / 3, dtype=np.float32)

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """A photo made ready: `pixels` uint8 (h, w, 3), `scale` of them to the photo's; `keypoints` of them, of a
    registered photo of the flipped ones too."""

    pixels: Pixels
    scale: float
    keypoints: tuple[Keypoints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SamePicture:
    """How far a query contains a registered photo.

    `agreement` (-1..1): the correlation of all textured pixels in the part that the query shows, `shown` (0..1) of the
    photo; `points`: how many agreed on where it is; `to_query` float64 (2, 3): registered → query pixels, of the
    photos; `mirrored`: it was flipped. `alike` float32 (h, w): 1 where a place of the registered photo is the same in
    the query, 0 where it is not, NaN where it is not shown.
    """

    points: int
    agreement: float
    shown: float
    mirrored: bool
    to_query: Matrix
    alike: Floats
    width: int
    height: int

    @property
    def confidence(self) -> float:
        """0..1: that it is the same picture; pixels that agree, weighed by how many points say where."""
        return max(0.0, self.agreement) * self.points / (self.points + _HALF_CERTAIN)

    @property
    def orientation(self) -> int:
        """The nearest of the eight of `models.fingerprint.orient`, which turns the query into the registered photo."""
        along, down = float(self.to_query[0, 0]), float(self.to_query[1, 0])
        quarter = round(math.atan2(down, -along if self.mirrored else along) / (math.pi / 2)) % 4
        return quarter + (FLIPPED if self.mirrored else 0)

    def share_alike(self, box: Box) -> float | None:
        """How much of a box (pixels of the registered photo) is the same; None where less than half of it is shown."""
        rows, columns = self.alike.shape
        x1, x2 = (int(np.clip(round(x * columns / self.width), 0, columns)) for x in (box.x1, box.x2))
        y1, y2 = (int(np.clip(round(y * rows / self.height), 0, rows)) for y in (box.y1, box.y2))
        part = self.alike[y1:y2, x1:x2]
        if part.size == 0 or np.isnan(part).mean() > 0.5:
            return None
        return float(np.nanmean(part))

    def place_of(self, box: Box) -> Box:
        """Where a box of the registered photo lies in the query, both in pixels of the photos."""
        corners = np.array([[box.x1, box.y1], [box.x2, box.y1], [box.x1, box.y2], [box.x2, box.y2]])
        moved = corners @ self.to_query[:, :2].T + self.to_query[:, 2]
        (x1, y1), (x2, y2) = moved.min(axis=0), moved.max(axis=0)
        return Box(float(x1), float(y1), float(x2), float(y2))


def look_at_query(pixels: Pixels) -> LookedAt:
    """A photo uint8 (H, W, 3) that may contain others."""
    small, scale = _shrunk(pixels, QUERY_SIDE)
    return LookedAt(small, scale, (find_keypoints(small),))


def look_at_registered(pixels: Pixels) -> LookedAt:
    """A photo uint8 (H, W, 3) that may be contained in others, as it is and flipped."""
    small, scale = _shrunk(pixels, SIDE)
    return LookedAt(small, scale, (find_keypoints(small), find_keypoints(np.ascontiguousarray(small[:, ::-1]))))


def compare_pictures(query: LookedAt, registered: LookedAt, orientation: int | None = None) -> SamePicture | None:
    """None where nothing says where the registered photo could lie in the query.

    `orientation` (`models.fingerprint.orient`, 0..7): that of the query whose print is the registered photo's, so that
    pictures without keypoints can be compared too; it stands for `_PRINT_WORTH` points.
    """
    found = [_compared(query, registered, *place) for place in _places(query, registered)]
    if orientation is not None and all(one.confidence < _SURE for one in found):
        found.append(_compared(query, registered, _PRINT_WORTH, _as_a_whole(query, registered, orientation)))
    return max(found, key=lambda one: one.confidence, default=None)


def _places(query: LookedAt, registered: LookedAt) -> Sequence[tuple[int, Matrix]]:
    """Where keypoints put the registered pixels in the query's, as seen and flipped, with how many agree."""
    width = registered.pixels.shape[1]
    places = []
    for mirrored, points in enumerate(registered.keypoints):
        count, matrix = fit_keypoints(points, query.keypoints[0])
        if matrix is not None:
            flip = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]]) if mirrored else np.eye(3)
            places.append((count, matrix @ flip))
    return sorted(places, key=lambda place: -place[0])[:1]


def _as_a_whole(query: LookedAt, registered: LookedAt, orientation: int) -> Matrix:
    """The registered pixels stretched over the whole query, in this orientation of it."""
    height, width = query.pixels.shape[:2]
    rows, columns = np.meshgrid(np.arange(2), np.arange(2), indexing="ij")
    corners = orient(np.asarray(2 * rows + columns, dtype=np.uint8), orientation)
    # Three corners of the registered photo, and which corner of the query each shows.
    places = [divmod(int(corners[corner]), 2) for corner in ((0, 0), (0, 1), (1, 0))]
    tall, wide = registered.pixels.shape[:2]
    source = np.array([[0, 0], [wide - 1, 0], [0, tall - 1]], np.float32)
    target = np.array([[column * (width - 1), row * (height - 1)] for row, column in places], np.float32)
    return np.asarray(cv2.getAffineTransform(source, target), dtype=np.float64)


def _compared(query: LookedAt, registered: LookedAt, points: int, matrix: Matrix) -> SamePicture:
    """The registered pixels beside those of the query where `matrix` (registered → query) puts them."""
    theirs, scale = _shrunk(registered.pixels, COMPARED_SIDE)
    to_query = matrix.copy()
    to_query[:, :2] /= scale
    step = float(np.sqrt(abs(np.linalg.det(to_query[:, :2]))))
    source = query.pixels if step < 1.5 else cv2.GaussianBlur(query.pixels, (0, 0), 0.4 * step)
    size = (theirs.shape[1], theirs.shape[0])
    inverse = cv2.WARP_INVERSE_MAP
    ours = cv2.warpAffine(source, to_query, size, flags=cv2.INTER_LINEAR | inverse, borderMode=cv2.BORDER_REPLICATE)
    inside = np.full(source.shape[:2], 255, np.uint8)
    shown = cv2.warpAffine(inside, to_query, size, flags=cv2.INTER_NEAREST | inverse) > 0
    correlation, texture = _correlated(_grey(theirs), _grey(np.asarray(ours, np.uint8)))
    weight = np.minimum(texture / _TEXTURED, 1) * shown
    total = float(weight.sum())
    agreement = float((correlation * weight).sum() / total) if total > 0 else 0.0
    # A smooth place has no texture to correlate: there the colour alone decides.
    smooth = texture < _TEXTURED
    changed = _change_of_colour(np.asarray(ours, np.uint8), theirs, shown)
    alike = (np.where(smooth, True, correlation > 0.3) & (changed < _MOST_CHANGE)).astype(np.float32)
    alike[~shown] = np.nan
    height, width = registered.pixels.shape[:2]
    full = matrix * registered.scale / query.scale
    full[:, 2] = matrix[:, 2] / query.scale
    return SamePicture(
        points, agreement, float(shown.mean()), bool(np.linalg.det(matrix[:, :2]) < 0), full, alike,
        round(width / registered.scale), round(height / registered.scale),
    )  # fmt: skip


def _correlated(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Correlation (-1..1) around every pixel, and the standard deviation of the more textured of both there."""
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a = np.maximum(_blurred(a * a) - mean_a**2, 0)
    variance_b = np.maximum(_blurred(b * b) - mean_b**2, 0)
    shared = _blurred(a * b) - mean_a * mean_b
    correlation = shared / np.sqrt((variance_a + _NOISE) * (variance_b + _NOISE))
    return correlation, np.sqrt(np.maximum(variance_a, variance_b))


def _change_of_colour(ours: Pixels, theirs: Pixels, shown: npt.NDArray[np.bool_]) -> Floats:
    """Grey levels (h, w), mean of the channels, that one change of all colours does not explain, a little blurred.

    Either way round: grey can be made of colours, but no change of all colours makes them of grey.
    """
    flat, wanted = ours.reshape(-1, 3).astype(np.float32), theirs.reshape(-1, 3).astype(np.float32)
    left = np.minimum(_unexplained(flat, wanted, shown.ravel()), _unexplained(wanted, flat, shown.ravel()))
    return np.asarray(_blurred(left.reshape(shown.shape)), dtype=np.float32)


def _unexplained(given: Floats, wanted: Floats, shown: npt.NDArray[np.bool_]) -> Floats:
    """What the best affine map of colours (N, 3) leaves of the difference, a mean over channels (N,)."""
    known = np.column_stack([given, np.ones(len(given), np.float32)])
    chosen, left = shown, np.zeros(len(given), np.float32)
    for _ in range(2):
        # Fitted again without the quarter that fits worst: what was altered must not explain itself.
        if chosen.sum() >= 16:
            left = np.abs(known @ _fitted(known[chosen], wanted[chosen]) - wanted) @ _THIRDS
            chosen = shown & (left <= np.quantile(left[shown], 0.75))
    return np.asarray(left, dtype=np.float32)


def _fitted(known: Floats, wanted: Floats) -> Floats:
    """The map (4, 3) of least squares from known (N, 4) to wanted (N, 3), by its four normal equations: N is large."""
    exact = known.astype(np.float64)
    solved = np.linalg.lstsq(exact.T @ exact, exact.T @ wanted, rcond=None)[0]
    return np.asarray(solved, dtype=np.float32)


def _shrunk(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """The picture with a longer side of at most `side`, and the scale that it was given."""
    scale = min(1.0, side / max(pixels.shape[:2]))
    if scale == 1.0:
        return pixels, 1.0
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _grey(pixels: Pixels) -> Floats:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _blurred(values: Floats) -> Floats:
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW)), dtype=np.float32)
