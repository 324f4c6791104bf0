"""The five regions of a garment, by plain geometry on its landmarks; and its outline.

PS-Net computes the boxes "directly from the predicted landmarks" and does not publish the rule; this one is ours.
All coordinates are photo pixels.
"""

from __future__ import annotations

import numpy as np

from models.geometry import Box, Points
from models.taxonomy import REGIONS, Category, RegionName, slot_index, slots_of
from models.types import Landmarks, MissingReason, Region

CHEST_FROM = 0.12
CHEST_TO = 0.55
"""Where the chest begins and ends on a top, as shares of the way from shoulder line to hem; the waist follows."""
COLLAR_WIDTH = 0.45
COLLAR_HEIGHT = 0.22
"""Least size of the collar box, as shares of the body's width: a crew neck alone would be a sliver."""
MARGIN = 0.06
"""Added around collar and sleeves, as a share of the body's width."""
LEAST_INSIDE = 0.5
"""A region with less of its box inside the photo is out of frame."""
LEAST_SEEN = 0.4
"""A region with a smaller share of visible landmarks is occluded."""

_BODY_SIDES = ("armpit", "side_upper", "shoulder", "strap_top")


def locate_regions(landmarks: Landmarks, width: int, height: int) -> tuple[Region, ...]:
    """The five regions in the order of `REGIONS`, for a photo of this size."""
    return tuple(_locate(name, landmarks, width, height) for name in REGIONS)


def locate_whole(box: Box, width: int, height: int) -> tuple[Region, ...]:
    """The regions of a bottom, which is compared as a whole: its detection box as the waist, the others absent.

    DeepFashion2's bottoms have landmarks, but nothing here is trained on them yet.
    """
    inside = box.clipped(width, height)
    return tuple(
        Region(name, inside)
        if name is RegionName.WAIST and inside is not None
        else Region(name, None, MissingReason.ABSENT)
        for name in REGIONS
    )


def absent_once(ours: Region, theirs: Region) -> bool:
    """Whether one garment has no such region while the other shows it: by design, not by the picture."""
    return (ours.reason is MissingReason.ABSENT and theirs.visible) or (
        theirs.reason is MissingReason.ABSENT and ours.visible
    )


def garment_outline(landmarks: Landmarks) -> Points:
    """The garment's outline as a polygon, float32 (n, 2): around the hem and sleeves, back along the neckline."""
    count = len(slots_of(landmarks.category))
    if landmarks.category.is_bottom:
        order = [0, *range(3, count), 2, 1]
    else:
        index = slot_index(landmarks.category)
        last = index.get("shoulder_R", index.get("strap_top_R", count - 1))
        front = ["neck_front_center"] if "neck_front_center" in index else ["front_top_R", "front_top_L"]
        neckline = [index[name] for name in ("neck_R", "neck_front_R", *front, "neck_front_L")]
        order = [index["neck_L"], *range(6, last + 1), *neckline]
    return landmarks.points_xy[order]


def _locate(name: RegionName, landmarks: Landmarks, width: int, height: int) -> Region:
    box = _box_of(name, landmarks)
    if box is None:
        return Region(name, None, MissingReason.ABSENT)
    inside = box.clipped(width, height)
    if inside is None or inside.area < LEAST_INSIDE * box.area or min(inside.width, inside.height) < 2:
        return Region(name, None, MissingReason.OUT_OF_FRAME)
    belongs = [name in slot.regions for slot in slots_of(landmarks.category)]
    if landmarks.visible[belongs].mean() < LEAST_SEEN:
        return Region(name, None, MissingReason.OCCLUDED)
    return Region(name, inside)


def _box_of(name: RegionName, landmarks: Landmarks) -> Box | None:
    category = landmarks.category
    if category.is_bottom:
        # Compared as a whole until bottoms have regions of their own.
        return Box.around(landmarks.points_xy) if name is RegionName.WAIST else None
    if name in (RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE):
        return _sleeve(name, landmarks) if category.has_sleeves else None
    if name is RegionName.COLLAR:
        return _collar(landmarks)
    return _torso_part(name, landmarks)


def _collar(landmarks: Landmarks) -> Box:
    tight = Box.around(_points(landmarks, _starting(landmarks.category, ("neck_", "front_top"))))
    body = _body_width(landmarks)
    cx, cy = tight.centre
    half_width = max(tight.width, COLLAR_WIDTH * body) / 2 + MARGIN * body
    half_height = max(tight.height, COLLAR_HEIGHT * body) / 2 + MARGIN * body
    return Box(cx - half_width, cy - half_height, cx + half_width, cy + half_height)


def _sleeve(name: RegionName, landmarks: Landmarks) -> Box:
    belongs = [name in slot.regions for slot in slots_of(landmarks.category)]
    tight = Box.around(landmarks.points_xy[belongs])
    margin = MARGIN * _body_width(landmarks)
    return Box(tight.x1 - margin, tight.y1 - margin, tight.x2 + margin, tight.y2 + margin)


def _torso_part(name: RegionName, landmarks: Landmarks) -> Box:
    category = landmarks.category
    top = float(_points(landmarks, _starting(category, ("shoulder", "strap_top")))[:, 1].mean())
    hem = float(_points(landmarks, _starting(category, ("hem_",)))[:, 1].mean())
    hem = max(hem, top + 4.0)
    split = top + CHEST_TO * (hem - top)
    if any(slot.name.startswith("waist_side") for slot in slots_of(category)):
        waistline = float(_points(landmarks, _starting(category, ("waist_side",)))[:, 1].mean())
        split = min(max(waistline, top + 0.25 * (hem - top)), top + 0.75 * (hem - top))
    if name is RegionName.CHEST:
        sides = _points(landmarks, _starting(category, _first_present(category, ("armpit", "side_upper"))))
        return _span(sides, top + CHEST_FROM * (hem - top), split)
    sides = _points(landmarks, _starting(category, ("side_lower", "waist_side", "hip_side", "hem_")))
    return _span(sides, split, hem)


def _span(points_xy: Points, y1: float, y2: float) -> Box:
    x1, x2 = float(points_xy[:, 0].min()), float(points_xy[:, 0].max())
    return Box(x1, y1, max(x2, x1 + 2.0), max(y2, y1 + 2.0))


def _body_width(landmarks: Landmarks) -> float:
    sides = _points(landmarks, _starting(landmarks.category, _first_present(landmarks.category, _BODY_SIDES)))
    return max(4.0, float(np.ptp(sides[:, 0])))


def _first_present(category: Category, beginnings: tuple[str, ...]) -> tuple[str, ...]:
    return next((start,) for start in beginnings if _starting(category, (start,)))


def _starting(category: Category, beginnings: tuple[str, ...]) -> list[int]:
    return [position for name, position in slot_index(category).items() if name.startswith(beginnings)]


def _points(landmarks: Landmarks, positions: list[int]) -> Points:
    return landmarks.points_xy[positions]
