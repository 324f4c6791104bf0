"""Edits of a print that keep its place: shown in coarse tiles, or its words swapped for others."""

from __future__ import annotations

import cv2
import numpy as np

from models.taxonomy import RegionName
from models.training.data.edit_fabric import cloth_colour, feathered, find_print, remove_print, shaded
from models.training.data.garment_picture import TORSO, GarmentPicture, Mask, region_area
from models.training.data.patterns import contrasting_colour, draw_word

LEAST_PRINT = 0.03
"""Share of the region's pixels off the cloth's colour, from which on there is a print (as `remove_print` has it)."""
INK_KEPT = 0.5
"""How often the new words keep the colour of the old ones."""


def mosaic(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The region's print in square tiles of 5 to 10 % of the body's width, each of one colour; None where it is plain.

    The cloth around the print stays: tiles are laid only where they differ from it.
    """
    area = region_area(picture, name)
    if name not in TORSO or not area.any() or find_print(picture, area).sum() < LEAST_PRINT * area.sum():
        return None
    tile = max(3, round(picture.body_width * rng.uniform(0.05, 0.1)))
    x, y, width, height = cv2.boundingRect(area)
    window = (slice(y, y + height), slice(x, x + width))
    coarse = cv2.resize(picture.pixels[window], (-(-width // tile), -(-height // tile)), interpolation=cv2.INTER_AREA)
    tiled = picture.pixels.copy()
    tiled[window] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return picture.painted(tiled, feathered(area))


def swap_words(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """Other words where the print was, as large, often in its colour: another brand on the same garment."""
    area = region_area(picture, name)
    bare = remove_print(picture, name, rng)
    if bare is None:
        return None
    solid = _largest_print(find_print(picture, area), picture.body_width)
    x, y, width, height = cv2.boundingRect(solid)
    if min(width, height) < 8:
        return None
    cloth = cloth_colour(bare, area)
    ink = np.median(picture.pixels[solid > 0], axis=0) if rng.random() < INK_KEPT else contrasting_colour(rng, cloth)
    # Lines of words, for a tall print stretches a single one beyond reading.
    lines = max(1, round(height / max(1, width) / 0.45))
    alpha = np.zeros(picture.mask.shape, dtype=np.float32)
    for line in range(lines):
        top, bottom = y + line * height // lines, y + (line + 1) * height // lines
        tall = max(4, round(0.82 * (bottom - top)))
        alpha[top : top + tall, x : x + width] = draw_word(rng, tall, width)
    flat = np.broadcast_to(ink.astype(np.float32), picture.pixels.shape)
    return bare.painted(shaded(bare, area, flat, depth=0.6), alpha * area)


def _largest_print(found: Mask, body_width: float) -> Mask:
    """The part of a print whose pieces lie near each other and cover most: not trims and specks at the region's rim."""
    reach = max(3, round(0.08 * body_width))
    near = cv2.dilate(
        cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.ones((reach, reach), np.uint8)
    )
    count, pieces = cv2.connectedComponents(near)
    if count < 2:
        return found
    covered = np.bincount(pieces.ravel(), weights=found.ravel(), minlength=count)
    covered[0] = 0
    return found & (pieces == int(covered.argmax())).astype(np.uint8)
