"""Photos with their garments marked, from every source the detector may learn from, in memory at a modest size.

Garment photos give one mask each, street photos a mask a garment class, shops a garment on white; Luma's worn tops have
a box placed by hand on one colourway, which holds for the others, since they are the same photo recoloured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from models.preprocessing import ImageLimits, decode
from models.taxonomy import Category
from models.training.data.compositing import Pixels, mask_box
from models.training.data.readers import (
    Fold,
    GarmentPhoto,
    StorePhoto,
    StreetPhoto,
    read_garments,
    read_stores,
    read_street,
    street_classes,
)
from models.training.detector.admissible import (
    NO_GARMENT,
    OF_GARMENT_LABEL,
    OF_STORE_KIND,
    OF_STREET_CLASS,
    Admissible,
)

LONGEST_SIDE = 400
"""Scenes are kept at this size: a little above the network's input, small enough that all fit in memory."""
SMALLEST_SHARE = 0.01
"""A street garment that covers less of its photo is no detection target."""
LEAST_BOX_SHARE = 0.15
"""Of the photo; masks of garment photos with a smaller box hold a print (looked at on the training fold)."""
LEAST_SOLID_SHARE = 0.62
"""Of its convex hull that a sound mask fills (looked at on the training fold)."""
WHITE = 243
FEWEST_EXACT = 10
"""With fewer exactly labelled scenes a category counts as untrained."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkedGarment:
    """A garment of a scene: its mask uint8 (H, W) in the scene's frame, and the categories it may be of."""

    mask: Pixels
    admissible: Admissible


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A photo and all its garments. `source` is garment, street, store or nothing (a photo without garments), or
    deepfashion2.

    `upright` says that masks are mere boxes, which a rotation would loosen.
    """

    pixels: Pixels
    garments: tuple[MarkedGarment, ...]
    source: str
    upright: bool = False


def read_scenes(
    root: Path, progress: Callable[[Iterable[Scene]], Iterable[Scene]] = iter, *, every: int = 1
) -> list[Scene]:
    """Every scene the detector may learn from: training fold, training streets, shops (they judge other models).

    With `every` above 1 only each n-th photo of each source is read.
    """
    return list(progress(_scenes(root, every)))


def untrained_labels(garments: Iterable[GarmentPhoto], more: Iterable[Scene] = ()) -> list[str]:
    """Categories that (nearly) no training photo is exactly labelled with; others show them in wider sets at most.

    `more` are scenes from elsewhere that were learnt from too.
    """
    sets = [garment_admissible(photo) for photo in garments if photo.fold is Fold.TRAIN]
    sets += [garment.admissible for scene in more for garment in scene.garments]
    exact = [next(iter(admissible)) for admissible in sets if admissible is not None and len(admissible) == 1]
    return [category.value for category in Category if exact.count(category) < FEWEST_EXACT]


def _scenes(root: Path, every: int) -> Iterator[Scene]:
    for photo in read_garments(root)[::every]:
        if photo.fold is Fold.TRAIN and (scene := _garment_scene(photo)) is not None:
            yield scene
    classes = street_classes(root)
    for street in read_street(root)[::every]:
        if street.fold is Fold.TRAIN:
            yield _street_scene(street, classes)
    hand_placed = _luma_boxes(root)
    for shop in read_stores(root)[::every]:
        if (scene := _store_scene(shop, hand_placed)) is not None:
            yield scene


def _garment_scene(photo: GarmentPhoto) -> Scene | None:
    if photo.label in NO_GARMENT and not photo.df2:
        return Scene(_load(photo.path), (), "nothing")
    admissible = garment_admissible(photo)
    if admissible is None or photo.mask_path is None or photo.box is None:
        return None
    mask = read_label_map(photo.mask_path)
    if not is_sound(mask):
        return None
    pixels = _load(photo.path)
    return Scene(pixels, (MarkedGarment(_fit_mask(mask, pixels), admissible),), "garment")


def is_sound(mask: Pixels) -> bool:
    """False for masks that hold a print or scraps and not the garment: too small, or full of holes and notches."""
    box = mask_box(mask)
    if box is None or box.area < LEAST_BOX_SHARE * mask.size:
        return False
    hull = cv2.convexHull(cv2.findNonZero((mask > 127).astype(np.uint8)))
    return bool((mask > 127).sum() >= LEAST_SOLID_SHARE * cv2.contourArea(hull))


def garment_admissible(photo: GarmentPhoto) -> Admissible | None:
    """The reading by eye where there is a sound one, else what the contributor's label admits; None: leave it out."""
    if photo.df2:
        return frozenset({photo.category}) if photo.category is not None and photo.ok else None
    return OF_GARMENT_LABEL.get(photo.label)


def _street_scene(photo: StreetPhoto, classes: tuple[str, ...]) -> Scene:
    pixels = _load(photo.path)
    labels = read_label_map(photo.label_path)
    garments = []
    for index in np.unique(labels):
        name = classes[int(index)]
        mask = np.where(labels == index, 255, 0).astype(np.uint8)
        if name in OF_STREET_CLASS and (mask > 0).mean() >= SMALLEST_SHARE:
            garments.append(MarkedGarment(_fit_mask(mask, pixels), OF_STREET_CLASS[name]))
    return Scene(pixels, tuple(garments), "street")


def _store_scene(photo: StorePhoto, hand_placed: dict[str, tuple[Admissible, list[float]]]) -> Scene | None:
    if photo.store == "luma":
        if photo.view != "main" or photo.product not in hand_placed:
            return None
        admissible, (x1, y1, x2, y2) = hand_placed[photo.product]
        pixels = _load(photo.path)
        height, width = pixels.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        rows, columns = (
            slice(round(y1 * height / 100), round(y2 * height / 100)),
            slice(round(x1 * width / 100), round(x2 * width / 100)),
        )
        mask[rows, columns] = 255
        return Scene(pixels, (MarkedGarment(mask, admissible),), "store", upright=True)
    if photo.kind not in OF_STORE_KIND:
        return None
    pixels = _load(photo.path)
    return Scene(pixels, (MarkedGarment(_off_white(pixels), OF_STORE_KIND[photo.kind]),), "store")


def _luma_boxes(root: Path) -> dict[str, tuple[Admissible, list[float]]]:
    """Product → category and box (percent of width and height) of its hand-placed front view."""
    lines = (root / "stores" / "landmarks_luma.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return {e["photo"].split("-")[0]: (frozenset({Category(e["df2"])}), e["box"]) for e in entries}


def _off_white(pixels: Pixels) -> Pixels:
    """The largest thing on a white ground, soft shadows beneath it left out."""
    darkest = cv2.medianBlur(pixels.min(axis=2), 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((darkest < WHITE).astype(np.uint8))
    if count < 2:
        return np.full(darkest.shape, 255, np.uint8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.where(labels == largest, 255, 0).astype(np.uint8)


def _load(path: Path) -> Pixels:
    pixels = decode(path.read_bytes(), ImageLimits()).pixels
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def read_label_map(path: Path) -> Pixels:
    """A mask or label map, uint8 (H, W), as it lies on disk; 1-bit masks as 0 and 255."""
    with PillowImage.open(path) as opened:
        return np.asarray(opened.convert("L") if opened.mode == "1" else opened, dtype=np.uint8)


def _fit_mask(mask: Pixels, pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return np.where(resized > 127, 255, 0).astype(np.uint8)
