"""Edits that leave a region's outline: recolour, other fabric, prints, bands, pockets.

Each takes a picture, a region and a generator, and gives the edited picture, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.taxonomy import RegionName
from models.training.data.garment_picture import (
    SLEEVES,
    TORSO,
    Floats,
    GarmentPicture,
    Mask,
    Pixels,
    region_area,
    sleeve_band,
)
from models.training.data.patterns import Colour, contrasting_colour, draw_cloth, draw_colour, draw_graphic

PRINT_DISTANCE = 22.0
"""CIELAB distance from the cloth's colour beyond which a pixel is taken for print."""


def recolour(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The region in another colour, folds kept."""
    area = region_area(picture, name)
    if not area.any():
        return None
    colour = contrasting_colour(rng, cloth_colour(picture, area), 90.0)
    flat = np.broadcast_to(colour, picture.pixels.shape)
    return picture.painted(shaded(picture, area, flat), feathered(area))


def change_fabric(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The region in striped, checked, dotted or blotched cloth."""
    area = region_area(picture, name)
    if not area.any():
        return None
    first = cloth_colour(picture, area) if rng.random() < 0.5 else draw_colour(rng)
    period = picture.body_width * rng.uniform(0.06, 0.22)
    cloth = draw_cloth(rng, picture.height, picture.width, period, first)
    return picture.painted(shaded(picture, area, cloth), feathered(area))


def take_cloth(
    picture: GarmentPicture, name: RegionName, rng: np.random.Generator, donors: Sequence[Pixels]
) -> GarmentPicture | None:
    """The region in the cloth of another garment: `donors` are square patches cut from real ones."""
    area = region_area(picture, name)
    if not area.any() or not donors:
        return None
    donor = donors[int(rng.integers(len(donors)))]
    x, y, width, height = cv2.boundingRect(area)
    cloth = picture.pixels.copy()
    cloth[y : y + height, x : x + width] = cv2.resize(donor, (width, height), interpolation=cv2.INTER_AREA)
    return picture.painted(cloth, feathered(area))


def remove_print(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """The region's print painted over with the cloth around it."""
    area = region_area(picture, name)
    found = find_print(picture, area) if area.any() else area
    if name not in TORSO or not 0.03 < found.sum() / max(1, area.sum()) < 0.65:
        return None
    grown = np.asarray(cv2.dilate(found, np.ones((5, 5), np.uint8)), dtype=np.uint8) & area
    bare = area & (1 - grown)
    if bare.sum() < 0.1 * area.sum():
        return None
    weight = bare.astype(np.float32)
    blur = 0.15 * picture.body_width
    total = cv2.GaussianBlur(weight, (0, 0), blur)[..., None] + 1e-4
    cloth = cv2.GaussianBlur(picture.pixels * weight[..., None], (0, 0), blur) / total
    cloth = cloth + rng.normal(0, 2.0, picture.pixels.shape[:2])[..., None]
    return picture.painted(cloth.clip(0, 255).astype(np.uint8), feathered(grown))


def add_print(
    picture: GarmentPicture, name: RegionName, rng: np.random.Generator, donors: Sequence[Pixels]
) -> GarmentPicture | None:
    """A graphic, words, or the print of another garment."""
    area = region_area(picture, name)
    if name not in TORSO or not area.any():
        return None
    x, y, width, height = cv2.boundingRect(area)
    wide, tall = int(width * rng.uniform(0.4, 0.75)), int(height * rng.uniform(0.45, 0.85))
    if min(wide, tall) < 8:
        return None
    left = x + int((width - wide) * rng.uniform(0.3, 0.7))
    top = y + int((height - tall) * rng.uniform(0.2, 0.8))
    if donors and rng.random() < 0.4:
        paint = cv2.resize(donors[int(rng.integers(len(donors)))], (wide, tall), interpolation=cv2.INTER_AREA)
        alpha = np.ones((tall, wide), dtype=np.float32)
    else:
        paint, alpha = draw_graphic(rng, tall, wide, cloth_colour(picture, area))
    window = (slice(top, top + tall), slice(left, left + wide))
    whole, share = picture.pixels.copy(), np.zeros(picture.mask.shape, dtype=np.float32)
    whole[window], share[window] = paint, alpha
    return picture.painted(shaded(picture, area, whole, depth=0.6), share * area * rng.uniform(0.85, 1.0))


def replace_print(
    picture: GarmentPicture, name: RegionName, rng: np.random.Generator, donors: Sequence[Pixels]
) -> GarmentPicture | None:
    """The print painted over and another put in its place."""
    bare = remove_print(picture, name, rng)
    return None if bare is None else add_print(bare, name, rng, donors)


def add_band(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """One to three contrasting stripes: across the torso part, or around the sleeve."""
    area = region_area(picture, name)
    if name is RegionName.COLLAR or not area.any():
        return None
    band = np.zeros_like(area)
    count = int(rng.integers(1, 4))
    width = rng.uniform(0.3, 0.6) / count
    x, y, _, height = cv2.boundingRect(area)
    for number in range(count):
        start = 0.15 + 0.75 * (number + rng.uniform(0, 0.2)) / count
        if name in SLEEVES:
            band |= sleeve_band(picture, name, start, min(1.0, start + 0.75 * width))
        else:
            band[y + int(start * height) : y + int((start + 0.75 * width) * height), x:] = 1
    band &= area
    colour = contrasting_colour(rng, cloth_colour(picture, area))
    return picture.painted(shaded(picture, area, np.broadcast_to(colour, picture.pixels.shape)), feathered(band, 0.7))


def add_cuff(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """A contrasting cuff on a sleeve, or a contrasting border on the hem."""
    area = region_area(picture, name)
    if not area.any():
        return None
    if name in SLEEVES:
        band = sleeve_band(picture, name, rng.uniform(0.55, 0.8), 1.0)
    elif name is RegionName.WAIST:
        _, y, _, height = cv2.boundingRect(area)
        band = area.copy()
        band[: y + int(height * rng.uniform(0.55, 0.8))] = 0
    else:
        return None
    colour = contrasting_colour(rng, cloth_colour(picture, area))
    return picture.painted(shaded(picture, area, np.broadcast_to(colour, picture.pixels.shape)), feathered(band, 0.7))


def add_pocket(picture: GarmentPicture, name: RegionName, rng: np.random.Generator) -> GarmentPicture | None:
    """A patch pocket with a seam: one on the chest, one or two on the waist."""
    area = region_area(picture, name)
    if name not in TORSO or not area.any():
        return None
    x, y, width, height = cv2.boundingRect(area)
    wide, tall = width * rng.uniform(0.3, 0.42), height * rng.uniform(0.45, 0.7)
    top = y + height * rng.uniform(0.15, 0.25)
    places = [0.1, 0.9 - wide / width] if name is RegionName.WAIST and rng.random() < 0.6 else [rng.uniform(0.1, 0.5)]
    cloth = cloth_colour(picture, area)
    colour = contrasting_colour(rng, cloth) if rng.random() < 0.7 else cloth * rng.uniform(0.55, 0.7)
    pocket, seam = np.zeros_like(area), np.zeros_like(area)
    for share in places:
        left = x + share * width
        corners = [(left, top), (left + wide, top), (left + wide, top + 0.8 * tall), (left + wide / 2, top + tall)]
        outline = np.array([*corners, (left, top + 0.8 * tall)]).astype(np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(pocket, [outline], 1)
        cv2.polylines(seam, [outline], True, 1, max(1, int(0.015 * picture.body_width)))
    flat = shaded(picture, area, np.broadcast_to(colour.astype(np.float32), picture.pixels.shape))
    sewn = picture.painted(flat, feathered(pocket & area, 0.5))
    dark = (flat * 0.45).astype(np.uint8)
    return sewn.painted(dark, (seam & area) * np.float32(0.8))


def mirror_print(picture: GarmentPicture, name: RegionName) -> GarmentPicture | None:
    """The chest's or waist's content flipped left to right: still the same design."""
    area = region_area(picture, name)
    if name not in TORSO or not area.any():
        return None
    x, y, width, height = cv2.boundingRect(area)
    window = (slice(y, y + height), slice(x, x + width))
    flipped = picture.pixels.copy()
    flipped[window] = picture.pixels[window][:, ::-1]
    both = area.copy()
    both[window] &= area[window][:, ::-1]
    return picture.painted(flipped, feathered(both, 1.5))


def cloth_colour(picture: GarmentPicture, area: Mask) -> Colour:
    """Median colour of an area, float32 (3,) RGB."""
    return np.asarray(np.median(picture.pixels[area > 0], axis=0), dtype=np.float32)


def shaded(picture: GarmentPicture, area: Mask, cloth: Pixels | Floats, depth: float = 1.0) -> Pixels:
    """Flat cloth with the folds of the picture: its lightness relative to the area's own."""
    grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = np.median(grey[area > 0])
    blurred = cv2.GaussianBlur(grey, (0, 0), 0.01 * picture.body_width + 0.3)
    # A fold on black cloth is a few grey levels: the offset keeps their ratio from exploding.
    folds = ((blurred + 25) / (inside + 25)).clip(0.55, 1.45)
    return np.asarray((cloth * (1 + depth * (folds - 1))[..., None]).clip(0, 255), dtype=np.uint8)


def feathered(area: Mask, blur: float = 1.2) -> Floats:
    """The mask with soft edges, float32 (H, W) 0..1."""
    return np.asarray(cv2.GaussianBlur(area.astype(np.float32), (0, 0), blur), dtype=np.float32)


def find_print(picture: GarmentPicture, area: Mask) -> Mask:
    """Pixels of an area whose colour is not that of its cloth."""
    lab = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    distance = np.linalg.norm(lab - np.median(lab[area > 0], axis=0), axis=-1)
    return np.asarray((distance > PRINT_DISTANCE) & (area > 0), dtype=np.uint8)
