"""A garment in its photo, with mask and landmarks: what the edits work on; and the pixels that belong to each region.

All coordinates are pixels of the picture; masks are uint8 (H, W), 1 on the garment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.geometry import Points
from models.regions import locate_regions
from models.taxonomy import Category, RegionName, slot_index, slots_of
from models.types import Landmarks

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
SLEEVES = (RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE)
TORSO = (RegionName.CHEST, RegionName.WAIST)


@dataclass(frozen=True, slots=True, eq=False)
class GarmentPicture:
    """`pixels` uint8 (H, W, 3) sRGB, `mask` uint8 (H, W), 1 on the garment, `landmarks` in pixels of the picture."""

    pixels: Pixels
    mask: Mask
    landmarks: Landmarks

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def body_width(self) -> float:
        """Distance between the armpits (or upper sides), at least 8 px."""
        index = slot_index(self.landmarks.category)
        left, right = next(
            (f"{name}_L", f"{name}_R")
            for name in ("armpit", "side_upper", "outseam_mid", "side_mid", "outseam_upper")
            if f"{name}_L" in index
        )
        return max(8.0, float(np.linalg.norm(self.point(left) - self.point(right))))

    def point(self, name: str) -> Points:
        """float32 (2,): the landmark of that slot name."""
        return self.landmarks.points_xy[slot_index(self.landmarks.category)[name]]

    def has(self, name: str) -> bool:
        return name in slot_index(self.landmarks.category)

    def painted(self, paint: Pixels, alpha: Floats | Mask) -> GarmentPicture:
        """This picture with `paint` laid over it; `alpha` (H, W) 0..1."""
        share = alpha.astype(np.float32)[..., None]
        mixed = self.pixels * (1 - share) + paint * share
        return replace(self, pixels=mixed.clip(0, 255).astype(np.uint8))


def moved(landmarks: Landmarks, points_xy: Points) -> Landmarks:
    """The same landmarks at other places."""
    return Landmarks(landmarks.category, points_xy, landmarks.confidence, landmarks.visible)


def mirrored_landmarks(landmarks: Landmarks, width: int) -> Landmarks:
    """The landmarks of the picture flipped left to right: places mirrored, slots swapped."""
    order = mirror_order(landmarks.category)
    points = landmarks.points_xy[order].copy()
    points[:, 0] = width - points[:, 0]
    return Landmarks(landmarks.category, points, landmarks.confidence[order], landmarks.visible[order])


def mirror_order(category: Category) -> list[int]:
    return [slot.mirror - 1 for slot in slots_of(category)]


def fill_polygon(shape: tuple[int, ...], points_xy: npt.ArrayLike) -> Mask:
    """uint8 (H, W), 1 inside the polygon."""
    canvas = np.zeros(shape[:2], dtype=np.uint8)
    cv2.fillPoly(canvas, [np.round(np.asarray(points_xy)).astype(np.int32).reshape(-1, 1, 2)], 1)
    return canvas


def sleeve_sides(picture: GarmentPicture, name: RegionName) -> tuple[Points, Points]:
    """The sleeve's outer edge from shoulder to cuff and its inner edge from armpit to cuff, float32 (k, 2) each."""
    side = "_L" if name is RegionName.LEFT_SLEEVE else "_R"
    index = slot_index(picture.landmarks.category)
    middles = [slot for slot in index if slot.startswith("sleeve_") and slot.endswith(side)]
    outer = ["shoulder" + side, *sorted(slot for slot in middles if "outer" in slot), "cuff_outer" + side]
    inner = ["armpit" + side, *sorted(slot for slot in middles if "inner" in slot), "cuff_inner" + side]
    points = picture.landmarks.points_xy
    return points[[index[slot] for slot in outer]], points[[index[slot] for slot in inner]]


def along(line_xy: Points, shares: Sequence[float] | npt.NDArray[np.floating]) -> Points:
    """Points at these shares (0..1) of a polyline's length."""
    steps = np.linalg.norm(np.diff(line_xy, axis=0), axis=1)
    reached = np.concatenate([[0.0], np.cumsum(steps)]) / max(float(steps.sum()), 1e-6)
    return np.stack([np.interp(shares, reached, line_xy[:, axis]) for axis in (0, 1)], axis=-1).astype(np.float32)


def sleeve_band(picture: GarmentPicture, name: RegionName, start: float, stop: float, *, wider: float = 0.12) -> Mask:
    """The part of a sleeve between two shares of its length from the shoulder, `wider` on each side than its points."""
    outer, inner = sleeve_sides(picture, name)
    shares = np.linspace(start, stop, 6)
    outer_part, inner_part = along(outer, shares), along(inner, shares)
    spread = wider * (outer_part - inner_part)
    end = 0.06 * picture.body_width * (stop >= 1.0)
    reach = np.zeros((6, 2), np.float32)
    tip = (outer[-1] + inner[-1] - along(outer, [0.8])[0] - along(inner, [0.8])[0]) / 2
    reach[-1] = tip / max(float(np.linalg.norm(tip)), 1e-6) * end
    polygon = np.concatenate([outer_part + spread + reach, (inner_part - spread + reach)[::-1]])
    return fill_polygon(picture.mask.shape, polygon) & picture.mask


def sleeves_area(picture: GarmentPicture) -> Mask:
    """Both sleeves, 1 inside; empty for a garment without."""
    area = np.zeros_like(picture.mask)
    if picture.landmarks.category.has_sleeves:
        for name in SLEEVES:
            area |= sleeve_band(picture, name, 0.0, 1.0)
    return area


def region_box_area(picture: GarmentPicture, name: RegionName) -> Mask:
    """The region's box as a mask, empty where the region is missing."""
    box = locate_regions(picture.landmarks, picture.width, picture.height)[name.row].box
    area = np.zeros_like(picture.mask)
    if box is not None:
        area[int(box.y1) : int(np.ceil(box.y2)), int(box.x1) : int(np.ceil(box.x2))] = 1
    return area


def region_area(picture: GarmentPicture, name: RegionName) -> Mask:
    """The garment's pixels that an edit of this region may touch: no neighbour's pixels among them."""
    if name in SLEEVES:
        return sleeve_band(picture, name, 0.06, 1.0) if picture.landmarks.category.has_sleeves else picture.mask * 0
    area = region_box_area(picture, name) & picture.mask
    if name in TORSO:
        area &= 1 - sleeves_area(picture)
        return area & (1 - region_box_area(picture, RegionName.COLLAR))
    # A collar follows the neck: what lies near its opening, not the whole box across the shoulders.
    slots = slots_of(picture.landmarks.category)
    neck = [at for at, slot in enumerate(slots) if slot.name.startswith(("neck_", "front_top"))]
    if not neck:
        return area
    opening = fill_polygon(picture.mask.shape, cv2.convexHull(picture.landmarks.points_xy[neck])[:, 0])
    reach = 2 * max(2, round(0.11 * picture.body_width)) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return area & np.asarray(cv2.dilate(opening, brush), dtype=np.uint8)
