"""Collars sewn into others: crew, V, stand and polo, whatever the garment had.

The neck is closed or cut to the wanted opening first, then finished; landmarks of the neckline move along.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import numpy as np

from models.geometry import Points
from models.taxonomy import RegionName, slot_index
from models.training.data.edit_fabric import cloth_colour, feathered, shaded
from models.training.data.edit_shape import downwards, draw_line, sew_collar
from models.training.data.garment_picture import Floats, GarmentPicture, fill_polygon, moved, region_area
from models.training.data.patterns import Colour, contrasting_colour

_FRONT = ("neck_front_L", "neck_front_center", "neck_front_R")


class Neck(StrEnum):
    """What a collar can be made into."""

    CREW = "crew"
    V = "v"
    STAND = "stand"
    POLO = "polo"


DEPTHS = {Neck.CREW: (0.06, 0.1), Neck.V: (0.3, 0.42), Neck.STAND: (0.02, 0.05), Neck.POLO: (0.08, 0.12)}
"""How far the new neckline hangs below the line between the neck's sides, in body widths (chosen on drawn sheets)."""


def reshape_collar(
    picture: GarmentPicture, name: RegionName, rng: np.random.Generator, neck: Neck
) -> GarmentPicture | None:
    """The neck as a `neck`, trimmed in the cloth's colour or another; None for other regions and open fronts."""
    area = region_area(picture, name)
    if name is not RegionName.COLLAR or not picture.has("neck_front_center") or not area.any():
        return None
    cloth = cloth_colour(picture, area)
    trim = contrasting_colour(rng, cloth) if rng.random() < 0.5 else cloth * 0.75
    depth = float(rng.uniform(*DEPTHS[neck])) * picture.body_width
    cut = _cut_neck(picture, _opening(picture, depth, pointed=neck is Neck.V), cloth)
    if neck is Neck.POLO:
        return sew_collar(cut, name, rng)
    if neck is Neck.STAND:
        return _sew_stand(cut, trim, float(rng.uniform(0.13, 0.18)) * picture.body_width)
    return draw_line(cut, _front_line(cut), trim.astype(np.uint8), float(rng.uniform(0.06, 0.1)))


def _opening(picture: GarmentPicture, depth: float, *, pointed: bool) -> Points:
    """float32 (5, 2): the new neckline from the left of the neck to the right, `depth` px deep in its middle."""
    left, right = picture.point("neck_L"), picture.point("neck_R")
    # Of a V the quarters lie on the straight lines, of a round neck below them.
    sag = (0.0, 0.5, 1.0, 0.5, 0.0) if pointed else (0.0, 0.78, 1.0, 0.78, 0.0)
    along = np.linspace(0, 1, 5)[:, None]
    line = left + along * (right - left) + depth * np.array(sag)[:, None] * downwards(picture)
    return np.asarray(line, dtype=np.float32)


def _cut_neck(picture: GarmentPicture, line: Points, cloth: Colour) -> GarmentPicture:
    """The opening above `line` shows the inside of the back; what the old one left open below it is cloth."""
    index = slot_index(picture.landmarks.category)
    left, right = picture.point("neck_L"), picture.point("neck_R")
    old = np.stack([left, *(picture.point(slot) for slot in _FRONT), right])
    points = picture.landmarks.points_xy.copy()
    points[[index[slot] for slot in _FRONT]] = line[1:4]
    # A little wider than the landmarks say: their line runs inside the old seam.
    grown = old + 0.05 * picture.body_width * downwards(picture)
    filled = fill_polygon(picture.mask.shape, np.concatenate([grown, right[None], left[None]]))
    closed = picture.painted(shaded(picture, picture.mask, _flat(picture, cloth), depth=0.5), feathered(filled, 0.8))
    back = picture.point("neck_back_center")
    inside = fill_polygon(picture.mask.shape, np.concatenate([line, back[None]]))
    opened = closed.painted(_flat(picture, cloth * 0.5).astype(np.uint8), feathered(inside, 0.8))
    return replace(opened, mask=picture.mask | filled | inside, landmarks=moved(picture.landmarks, points))


def _sew_stand(picture: GarmentPicture, trim: Colour, height: float) -> GarmentPicture:
    """A band that stands up from the neckline all around, a little narrower at its top, with a seam at its foot."""
    left, right = picture.point("neck_L"), picture.point("neck_R")
    foot = _front_line(picture)
    up = -downwards(picture) * height
    inwards = 0.06 * (right - left)
    top = [right + up - inwards, (left + right) / 2 + 0.82 * up, left + up + inwards]
    band = fill_polygon(picture.mask.shape, np.concatenate([foot, np.stack(top)]))
    lit = shaded(picture, picture.mask, _flat(picture, trim), depth=0.4)
    sewn = replace(picture.painted(lit, feathered(band, 0.7)), mask=picture.mask | band)
    dark = (trim * 0.55).astype(np.uint8)
    sewn = draw_line(sewn, foot, dark, 0.015)
    return draw_line(sewn, np.stack(top), dark, 0.012)


def _front_line(picture: GarmentPicture) -> Points:
    return np.stack([picture.point(slot) for slot in ("neck_L", *_FRONT, "neck_R")])


def _flat(picture: GarmentPicture, colour: Colour) -> Floats:
    return np.broadcast_to(np.asarray(colour, dtype=np.float32), picture.pixels.shape)
