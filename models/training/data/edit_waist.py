"""The waist taken in or tapered: the body's outline changes below the chest, the cloth is drawn in with it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.geometry import Points
from models.taxonomy import RegionName, slot_index
from models.training.data.edit_fabric import feathered
from models.training.data.edit_shape import downwards, fill_ground
from models.training.data.garment_picture import GarmentPicture, moved, region_box_area, sleeves_area

TAKEN_IN = (0.3, 0.42)
"""Share of the width that is gone at the narrowest place; less than a quarter hardly shows on plain cloth."""
Shares = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Dart:
    """How wide the body stays: `top` (2,) between the neck's sides, `down` and `across` unit vectors (2,);
    `start` and `end` px from `top` downwards, where the change begins and where the hem is; `taken` 0..1."""

    top: Points
    down: Points
    across: Points
    start: float
    end: float
    taken: float
    fitted: bool

    def kept(self, places_xy: Points) -> Shares:
        """The share of the width that is left at each place (…, 2)."""
        depth = (places_xy - self.top) @ self.down
        share = ((depth - self.start) / (self.end - self.start)).clip(0, 1)
        return np.asarray(1 - self.taken * (np.sin(np.pi * share) if self.fitted else share), dtype=np.float32)

    def scaled(self, places_xy: Points, factors: Shares) -> Points:
        """The places (…, 2) moved sideways, to `factors` times their distance from the body's axis."""
        sideways = (places_xy - self.top) @ self.across
        return np.asarray(places_xy + (sideways * (factors - 1))[..., None] * self.across, dtype=np.float32)


def shape_waist(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The body narrowed from the waist region's upper edge on: in its middle (fitted), or more and more to the hem.

    Sleeves stay where they are; landmarks of sides and hem move with the outline, pixels off the garment become ground.
    """
    dart = _draw_dart(picture, name, rng)
    if dart is None:
        return None
    index = slot_index(picture.landmarks.category)
    points = picture.landmarks.points_xy.copy()
    body = [at for slot, at in index.items() if not slot.startswith(("sleeve", "cuff"))]
    points[body] = dart.scaled(points[body], dart.kept(points[body]))
    rows, columns = np.mgrid[: picture.height, : picture.width]
    places = np.stack([columns, rows], -1).astype(np.float32)
    return _drawn_in(picture, dart.scaled(places, np.float32(1) / dart.kept(places)), points)


def _draw_dart(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> _Dart | None:
    index = slot_index(picture.landmarks.category)
    box = region_box_area(picture, name)
    if name is not RegionName.WAIST or "neck_L" not in index or "hem_L" not in index or not box.any():
        return None
    down = downwards(picture)
    top = np.asarray((picture.point("neck_L") + picture.point("neck_R")) / 2, dtype=np.float32)
    x, y, width, _ = cv2.boundingRect(box)
    start = float((np.array([x + width / 2, y], dtype=np.float32) - top) @ down)
    end = float(((picture.point("hem_L") + picture.point("hem_R")) / 2 - top) @ down)
    if end - start < 8:
        return None
    across = np.array([down[1], -down[0]], dtype=np.float32)
    return _Dart(top, down, across, start, end, float(rng.uniform(*TAKEN_IN)), bool(rng.random() < 0.5))


def _drawn_in(picture: GarmentPicture, source: Points, points: Points) -> GarmentPicture:
    """The body resampled from `source` (H, W, 2), the sleeves as they are, over the filled ground."""
    sleeves = picture.mask & sleeves_area(picture)
    body = (picture.mask & (1 - sleeves)).astype(np.float32)
    cloth = np.asarray(cv2.remap(picture.pixels, source[..., 0], source[..., 1], cv2.INTER_LINEAR), dtype=np.uint8)
    drawn = np.asarray(cv2.remap(body, source[..., 0], source[..., 1], cv2.INTER_LINEAR), dtype=np.float32)
    # Only what the cloth leaves is filled: the rest of the ground stays as it was photographed.
    gone = ((body > 0) & (drawn < 0.5)).astype(np.uint8)
    left = np.asarray(cv2.dilate(gone, np.ones((9, 9), np.uint8)), dtype=np.uint8) & (1 - sleeves)
    bare = picture.painted(fill_ground(picture.pixels, picture.mask), feathered(left, 1.0))
    dressed = bare.painted(cloth, drawn * (1 - sleeves))
    mask = sleeves | (drawn > 0.5).astype(np.uint8)
    return GarmentPicture(dressed.pixels, mask, moved(picture.landmarks, points))
