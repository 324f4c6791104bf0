"""Edits of a garment's outline: sleeve and hem shortened, neckline cut deeper or closed, collars sewn on.

Landmarks move along, pixels taken off the garment become ground. Each edit gives None where it does not apply.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.geometry import Points
from models.taxonomy import RegionName, slot_index
from models.training.data.edit_fabric import cloth_colour, feathered, shaded
from models.training.data.garment_picture import (
    SLEEVES,
    GarmentPicture,
    Mask,
    Pixels,
    along,
    fill_polygon,
    moved,
    region_area,
    region_box_area,
    sleeve_band,
    sleeve_sides,
    sleeves_area,
)
from models.training.data.patterns import contrasting_colour, draw_colour

_NECKLINE = ("neck_L", "neck_front_L", "neck_front_center", "neck_front_R", "neck_R")
_OPEN_NECKLINE = ("neck_L", "neck_front_L", "front_top_L", "front_top_R", "neck_front_R", "neck_R")


def shorten_sleeve(
    picture: GarmentPicture, name: RegionName, rng: np.random.Generator, kept: float | None = None
) -> GarmentPicture | None:
    """The sleeve cut off at a third to two thirds of its length, or where `kept` (a share of it) says."""
    if name not in SLEEVES or not picture.landmarks.category.has_sleeves:
        return None
    kept = float(rng.uniform(0.35, 0.65)) if kept is None else kept
    torso = region_box_area(picture, RegionName.CHEST) | region_box_area(picture, RegionName.WAIST)
    cut = sleeve_band(picture, name, kept, 1.0, wider=0.35)
    outer, inner = sleeve_sides(picture, name)
    core = fill_polygon(picture.mask.shape, np.concatenate([outer, inner[::-1]]))
    cut &= (1 - torso) | core
    side = "_L" if name is RegionName.LEFT_SLEEVE else "_R"
    index = slot_index(picture.landmarks.category)
    points = picture.landmarks.points_xy.copy()
    for edge, line in (("outer", outer), ("inner", inner)):
        slots = sorted(slot for slot in index if slot.startswith(f"sleeve_{edge}") and slot.endswith(side))
        slots.append(f"cuff_{edge}{side}")
        shares = kept * np.arange(1, len(slots) + 1) / len(slots)
        points[[index[slot] for slot in slots]] = along(line, shares)
    return _without(picture, cut, points)


def shorten_hem(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The lower 15 to 30 % of the body cut off, straight, slanted or rounded."""
    index = slot_index(picture.landmarks.category)
    if name is not RegionName.WAIST or "neck_L" not in index:
        return None
    points = picture.landmarks.points_xy.copy()
    top = (points[index["neck_L"]] + points[index["neck_R"]]) / 2
    bottom = (points[index["hem_L"]] + points[index["hem_R"]]) / 2
    length = float(np.linalg.norm(bottom - top))
    if length < 8:
        return None
    axis = (bottom - top) / length
    across = np.array([axis[1], -axis[0]])
    kept, slant = float(rng.uniform(0.72, 0.86)) * length, float(rng.uniform(-0.15, 0.15))
    curve = float(rng.choice([0.0, rng.uniform(-0.12, 0.12)])) / max(picture.body_width, 1.0)

    def cut_line(offsets_xy: Points) -> Points:
        sideways = offsets_xy @ across
        return np.asarray(kept + slant * sideways + curve * sideways**2, dtype=np.float32)

    y, x = np.mgrid[: picture.height, : picture.width]
    offsets = np.stack([x, y], -1).astype(np.float32) - top
    beyond = offsets @ axis > cut_line(offsets)
    cut = picture.mask & beyond.astype(np.uint8) & (1 - sleeves_area(picture))
    lower = [index[slot] for slot in index if slot.startswith(("hem_", "side_lower", "skirt_side", "front_"))]
    lower = [at for at in lower if (points[at] - top) @ axis > 0.5 * length]
    for at in lower:
        offset = points[at] - top
        excess = max(0.0, float(offset @ axis) - float(cut_line(offset[None])[0]))
        points[at] = points[at] - excess * axis
    return _without(picture, cut, points)


def deepen_neck(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The neckline cut down to a deep V or scoop; the inside of the back, or skin or a shirt, shows in it."""
    if name is not RegionName.COLLAR or not picture.has("neck_front_center"):
        return None
    left, centre, right = (picture.point(slot) for slot in ("neck_L", "neck_front_center", "neck_R"))
    down = downwards(picture)
    tip = (left + right) / 2 + down * max(
        picture.body_width * rng.uniform(0.3, 0.42),
        float((centre - (left + right) / 2) @ down) + picture.body_width * 0.16,
    )
    bulge = rng.choice([0.0, 0.22]) * np.linalg.norm(right - left)
    edges = [(left + tip) / 2 + down * bulge, (right + tip) / 2 + down * bulge]
    outline = _smooth(np.stack([left, edges[0], tip, edges[1], right])) if bulge else np.stack([left, tip, right])
    area = region_area(picture, name)
    if not area.any():
        return None
    inside = cloth_colour(picture, area) * rng.uniform(0.35, 0.7) if rng.random() < 0.6 else draw_colour(rng)
    hole = fill_polygon(picture.mask.shape, outline) & picture.mask
    paint = np.broadcast_to(inside, picture.pixels.shape).astype(np.uint8)
    points = picture.landmarks.points_xy.copy()
    for slot, place in zip(_NECKLINE[1:4], (edges[0], tip, edges[1]), strict=True):
        points[slot_index(picture.landmarks.category)[slot]] = place
    opened = picture.painted(paint, feathered(hole, 0.7))
    return replace(opened, landmarks=moved(picture.landmarks, points))


def close_neck(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The neck opening filled up to a high round neck, often with a rib or a stand-up collar on top."""
    if name is not RegionName.COLLAR or not picture.has("neck_front_center"):
        return None
    left, centre, right = (picture.point(slot) for slot in ("neck_L", "neck_front_center", "neck_R"))
    down, middle = downwards(picture), (left + right) / 2
    new_centre = middle + down * 0.04 * picture.body_width
    if float((centre - new_centre) @ down) < 0.06 * picture.body_width:
        return None
    area = region_area(picture, name)
    if not area.any():
        return None
    cloth = cloth_colour(picture, area)
    colour = cloth if rng.random() < 0.6 else contrasting_colour(rng, cloth)
    outline = np.concatenate([neckline_of(picture), [right, new_centre, left]])
    paint = np.broadcast_to(colour, picture.pixels.shape).astype(np.uint8)
    filled = fill_polygon(picture.mask.shape, outline)
    points = picture.landmarks.points_xy.copy()
    index = slot_index(picture.landmarks.category)
    places = ((left + new_centre) / 2, new_centre, (right + new_centre) / 2)
    for slot, place in zip(_NECKLINE[1:4], places, strict=True):
        points[index[slot]] = place
    closed = picture.painted(paint, feathered(filled, 0.8))
    closed = replace(closed, mask=picture.mask | filled, landmarks=moved(picture.landmarks, points))
    return draw_line(closed, np.stack([left, new_centre, right]), (cloth * 0.5).astype(np.uint8), 0.05)


def sew_band(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """A contrasting rib along the neckline."""
    if name is not RegionName.COLLAR or picture.landmarks.category.is_bottom:
        return None
    area = region_area(picture, name)
    if not area.any():
        return None
    colour = contrasting_colour(rng, cloth_colour(picture, area))
    return draw_line(picture, neckline_of(picture), colour.astype(np.uint8), float(rng.uniform(0.1, 0.17)))


def sew_collar(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """Two pointed collar leaves, as on a polo shirt, with or without a button placket."""
    if name is not RegionName.COLLAR or picture.landmarks.category.is_bottom:
        return None
    neckline = neckline_of(picture)
    left, centre, right = neckline[0], neckline[len(neckline) // 2], neckline[-1]
    down, width = downwards(picture), picture.body_width
    area = region_area(picture, name)
    if not area.any():
        return None
    cloth = cloth_colour(picture, area)
    colour = contrasting_colour(rng, cloth) if rng.random() < 0.7 else cloth * 0.75
    paint = np.broadcast_to(colour, picture.pixels.shape).astype(np.uint8)
    sewn = picture
    if rng.random() < 0.5:
        placket = np.stack([centre, centre + down * width * 0.3])
        sewn = draw_line(sewn, placket, (colour * 0.85).astype(np.uint8), 0.07)
    for end in (left, right):
        outwards = (end - centre) / max(float(np.linalg.norm(end - centre)), 1e-6)
        tip = centre + (end - centre) * 0.55 + down * width * rng.uniform(0.14, 0.2) + outwards * 0.04 * width
        back = end + outwards * 0.09 * width
        leaf = fill_polygon(picture.mask.shape, np.stack([end, centre, tip, back]))
        sewn = replace(sewn.painted(paint, feathered(leaf, 0.7)), mask=sewn.mask | leaf)
        sewn = draw_line(sewn, np.stack([centre, tip, back]), (colour * 0.4).astype(np.uint8), 0.015)
    return sewn


def fill_ground(pixels: Pixels, mask: Mask) -> Pixels:
    """The photo with the garment's pixels filled in from the ground around them (coarse to fine)."""
    keep = 1 - cv2.dilate(mask, np.ones((7, 7), np.uint8))
    levels = [(np.asarray(pixels * keep[..., None], np.float32), np.asarray(keep, np.float32))]
    while min(levels[-1][1].shape) > 2:
        colour, weight = levels[-1]
        size = (max(1, weight.shape[1] // 2), max(1, weight.shape[0] // 2))
        halved = [cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (colour, weight)]
        levels.append((np.asarray(halved[0], np.float32), np.asarray(halved[1], np.float32)))
    colour, weight = levels[-1]
    filled = colour / np.maximum(weight, 1e-3)[..., None]
    for colour, weight in reversed(levels[:-1]):
        coarse = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        known = colour / np.maximum(weight, 1e-3)[..., None]
        share = np.minimum(weight, 1)[..., None]
        filled = known * share + coarse * (1 - share)
    return np.asarray(filled.clip(0, 255), dtype=np.uint8)


def _without(picture: GarmentPicture, cut: Mask, points: Points) -> GarmentPicture | None:
    if cut.sum() < 20:
        return None
    # Slivers that the cut left behind fall to the floor with it: only the largest piece stays.
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats(picture.mask & (1 - cut))
    left = (pieces == 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    gone = cv2.dilate(picture.mask & (1 - left), np.ones((3, 3), np.uint8)) & (1 - left)
    bare = picture.painted(fill_ground(picture.pixels, picture.mask), feathered(gone, 0.8))
    return replace(bare, mask=left, landmarks=moved(picture.landmarks, points))


def neckline_of(picture: GarmentPicture) -> Points:
    """float32 (k, 2): the front of the neck opening from left to right."""
    slots = _NECKLINE if picture.has("neck_front_center") else _OPEN_NECKLINE
    return np.stack([picture.point(slot) for slot in slots])


def downwards(picture: GarmentPicture) -> Points:
    """float32 (2,): the unit vector from the neck to the hem."""
    index = slot_index(picture.landmarks.category)
    hem = (picture.point("hem_L") + picture.point("hem_R")) / 2 if "hem_L" in index else np.array([0.0, 1.0])
    way = hem - (picture.point("neck_L") + picture.point("neck_R")) / 2
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-6), dtype=np.float32)


def draw_line(picture: GarmentPicture, line_xy: Points, colour: Pixels, width: float) -> GarmentPicture:
    """A rounded line on the garment; `width` in body widths."""
    drawn = np.zeros_like(picture.mask)
    path = [np.round(_smooth(line_xy)).astype(np.int32).reshape(-1, 1, 2)]
    cv2.polylines(drawn, path, False, 1, max(1, round(width * picture.body_width)))
    paint = np.broadcast_to(colour, picture.pixels.shape)
    area = drawn & np.asarray(cv2.dilate(picture.mask, np.ones((3, 3), np.uint8)), dtype=np.uint8)
    return picture.painted(shaded(picture, picture.mask, paint, depth=0.5), feathered(area, 0.6))


def _smooth(line_xy: Points) -> Points:
    """A rounder polyline: three rounds of cutting corners."""
    line = np.asarray(line_xy, dtype=np.float32)
    for _ in range(3):
        quarter, rest = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        line = np.concatenate([line[:1], np.stack([quarter, rest], 1).reshape(-1, 2), line[-1:]])
    return line
