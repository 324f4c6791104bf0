"""A copy in another category: both sleeves of a short-sleeved garment made long, of their own cloth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.geometry import Points
from models.taxonomy import Category, RegionName, slot_index
from models.training.data.edit_fabric import feathered
from models.training.data.garment_picture import (
    SLEEVES,
    Floats,
    GarmentPicture,
    Mask,
    along,
    fill_polygon,
    moved,
    sleeve_sides,
)
from models.training.data.region_edits import EditedPhoto

LONG_SLEEVES = "long_sleeves"
"""The name of the edit."""
FROM = 0.85
"""Share of a short sleeve where the new cloth begins, so that the old hem does not show."""
CLOTH_FROM = 0.3
"""New cloth is the sleeve's own between these two shares, there and back again."""
LONG = (1.1, 1.35)
"""Shoulder to cuff of a long sleeve, in body widths."""
LEAST_LONGER = 0.25
"""In body widths: less would make no other category of it."""
WRIST = (0.55, 0.75)
"""Width at the new cuff, as a share of the width where the new cloth begins."""
LEAST_FREE = 0.6
"""Share of the new cloth that must lie beside the garment: a sleeve before the body would hide other regions."""


@dataclass(frozen=True, slots=True, eq=False)
class _Extension:
    """Where new cloth goes: `corners` (4, 2) from the outer edge at the sleeve around to its inner edge; `times`: how
    much longer it is than the stretch of sleeve that it is made of."""

    name: RegionName
    corners: Points
    times: float


def has_short_sleeves(category: Category) -> bool:
    return category.value.startswith("short_sleeve")


def lengthen_sleeves(picture: GarmentPicture, rng: np.random.Generator) -> EditedPhoto | None:
    """The garment with both sleeves as long as an arm, in a picture that is larger where they need room.

    None where sleeves are not short, or lie before or behind the body. Landmarks keep the slots of the old category,
    moved down the sleeve.
    """
    if not has_short_sleeves(picture.landmarks.category):
        return None
    long, wrist = float(rng.uniform(*LONG)) * picture.body_width, float(rng.uniform(*WRIST))
    found = [_extension(picture, name, long, wrist) for name in SLEEVES]
    extensions = [one for one in found if one is not None]
    if len(extensions) < len(SLEEVES):
        return None
    roomy, shift = _with_room(picture, np.concatenate([one.corners for one in extensions]))
    for one in extensions:
        longer = _sewn(roomy, _Extension(one.name, one.corners + shift, one.times))
        if longer is None:
            return None
        roomy = longer
    return EditedPhoto(roomy.pixels, roomy.mask, roomy.landmarks, SLEEVES, (LONG_SLEEVES, LONG_SLEEVES))


def _extension(picture: GarmentPicture, name: RegionName, long: float, wrist: float) -> _Extension | None:
    outer, inner = sleeve_sides(picture, name)
    begin = np.concatenate([along(outer, [FROM]), along(inner, [FROM])])
    root, middle = (outer[0] + inner[0]) / 2, begin.mean(axis=0)
    reached = float(np.linalg.norm(middle - root))
    more = long - reached
    if reached < 4 or more < LEAST_LONGER * picture.body_width:
        return None
    axis = (middle - root) / reached
    across = np.array([-axis[1], axis[0]], dtype=np.float32)
    half = wrist * float((begin[1] - begin[0]) @ across) / 2
    end = middle + more * axis
    corners = np.stack([begin[0], end - half * across, end + half * across, begin[1]])
    return _Extension(name, corners.astype(np.float32), more / max(1.0, (FROM - CLOTH_FROM) / FROM * reached))


def _with_room(picture: GarmentPicture, places: Points) -> tuple[GarmentPicture, Points]:
    """The picture, its border drawn out so that all `places` lie inside; and by how much everything moved."""
    edge = 4
    left, top = (max(0, int(np.ceil(edge - places[:, axis].min()))) for axis in (0, 1))
    right, bottom = (
        max(0, int(np.ceil(places[:, axis].max() + edge - size)))
        for axis, size in enumerate((picture.width, picture.height))
    )
    pixels = cv2.copyMakeBorder(picture.pixels, top, bottom, left, right, cv2.BORDER_REPLICATE)
    mask = cv2.copyMakeBorder(picture.mask, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    shift = np.array([left, top], dtype=np.float32)
    marks = moved(picture.landmarks, picture.landmarks.points_xy + shift)
    return GarmentPicture(np.asarray(pixels, np.uint8), np.asarray(mask, np.uint8), marks), shift


def _sewn(picture: GarmentPicture, extension: _Extension) -> GarmentPicture | None:
    area = fill_polygon(picture.mask.shape, extension.corners)
    outer, inner = sleeve_sides(picture, extension.name)
    own = fill_polygon(picture.mask.shape, np.concatenate([outer, inner[::-1]]))
    free = area & (1 - picture.mask)
    if free.sum() < LEAST_FREE * max(1, int((area & (1 - own)).sum())):
        return None
    area = free | (area & own)
    cloth = _cloth(picture, extension, outer, inner)
    sewn = picture.painted(cloth, feathered(area, 0.7))
    points = _further(picture, extension, outer, inner)
    return GarmentPicture(sewn.pixels, picture.mask | area, moved(picture.landmarks, points))


def _cloth(picture: GarmentPicture, extension: _Extension, outer: Points, inner: Points) -> Mask:
    """uint8 (H, W, 3): the sleeve's own cloth, mirrored to and fro along the new part; only there it means anything."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    to_square = cv2.getPerspectiveTransform(extension.corners, square)
    y, x = np.mgrid[: picture.height, : picture.width].astype(np.float32)
    placed = cv2.perspectiveTransform(np.stack([x, y], axis=-1).reshape(1, -1, 2), to_square)[0]
    down, across = placed[:, 0].clip(0, 1), placed[:, 1].clip(0.1, 0.9)[:, None]  # no ground from beside the sleeve
    shares = FROM - (FROM - CLOTH_FROM) * _to_and_fro(down * extension.times)
    source = (1 - across) * along(outer, shares) + across * along(inner, shares)
    maps = source.reshape(picture.height, picture.width, 2).astype(np.float32)
    return np.asarray(cv2.remap(picture.pixels, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR), np.uint8)


def _to_and_fro(distance: Floats) -> Floats:
    """0 → 1 → 0 → …, a way of 1 each."""
    return np.asarray(1 - np.abs(distance % 2 - 1), np.float32)


def _further(picture: GarmentPicture, extension: _Extension, outer: Points, inner: Points) -> Points:
    side = "_L" if extension.name is RegionName.LEFT_SLEEVE else "_R"
    index = slot_index(picture.landmarks.category)
    points = picture.landmarks.points_xy.copy()
    for edge, line, end in (("outer", outer, extension.corners[1]), ("inner", inner, extension.corners[2])):
        slots = sorted(slot for slot in index if slot.startswith(f"sleeve_{edge}") and slot.endswith(side))
        slots.append(f"cuff_{edge}{side}")
        longer = np.concatenate([line[:1], along(line, [FROM]), end[None]])
        points[[index[slot] for slot in slots]] = along(longer, np.arange(1, len(slots) + 1) / len(slots))
    return points
