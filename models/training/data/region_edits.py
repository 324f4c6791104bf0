"""Copies with one or two regions altered, made from real photos: what a partial copy looks like.

`alter_regions` picks an edit that suits each region and makes sure that it can be seen; nothing outside the region's
own pixels changes. Deterministic for a given generator.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.taxonomy import RegionName
from models.training.data import edit_collar, edit_fabric, edit_print, edit_shape, edit_waist
from models.training.data.garment_picture import SLEEVES, GarmentPicture, Mask, Pixels, region_area, region_box_area
from models.types import Landmarks

VISIBLE_DISTANCE = 14.0
"""CIELAB distance at which a changed pixel counts as visibly changed."""
VISIBLE_SHARE = 0.15
"""An alteration changes at least this share of the region's pixels visibly, or it is tried again."""
TRIES = 8

Edit = Callable[[GarmentPicture, RegionName, np.random.Generator], GarmentPicture | None]
Kinds = dict[str, tuple[Edit, float]]
"""Name → (edit, how often it is drawn) of what can be done to a region."""


@dataclass(frozen=True, slots=True, eq=False)
class EditedPhoto:
    """The photo after its edits. `altered` are the regions that were visibly changed, `edits` what was done to each."""

    pixels: Pixels
    mask: Mask
    landmarks: Landmarks
    altered: tuple[RegionName, ...]
    edits: tuple[str, ...]

    @property
    def picture(self) -> GarmentPicture:
        return GarmentPicture(self.pixels, self.mask, self.landmarks)


def alter_regions(
    pixels: Pixels,
    mask: Mask,
    landmarks: Landmarks,
    regions: Sequence[RegionName],
    rng: np.random.Generator,
    *,
    donors: Sequence[Pixels] = (),
    kinds_for: Callable[[RegionName, Sequence[Pixels]], Kinds] | None = None,
) -> EditedPhoto:
    """Alter each of these regions of the garment; one that no edit suits is left as it is and not in `altered`.

    `pixels` uint8 (H, W, 3), `mask` uint8 or bool (H, W), landmarks in photo pixels; `donors` are square patches of
    other garments (`cut_patch`) whose cloth and prints may be used. `kinds_for`: what is drawn from, `edits_for` unless
    another is given; `every_edit_for` has the later ones too.
    """
    picture = GarmentPicture(pixels, (np.asarray(mask) > 0).astype(np.uint8), landmarks)
    altered: list[RegionName] = []
    names: list[str] = []
    for region in regions:
        for _ in range(TRIES):
            name, edit = _draw_edit((kinds_for or edits_for)(region, donors), rng)
            edited = edit(picture, region, rng)
            if edited is not None and visible_change(picture, edited, region) >= VISIBLE_SHARE:
                picture = edited
                altered.append(region)
                names.append(name)
                break
    return EditedPhoto(picture.pixels, picture.mask, picture.landmarks, tuple(altered), tuple(names))


def visible_change(before: GarmentPicture, after: GarmentPicture, region: RegionName) -> float:
    """The share of the region's pixels whose colour, or belonging to the garment, visibly changed."""
    area = region_area(before, region)
    if region is RegionName.COLLAR:
        area = region_box_area(before, region) & (before.mask | after.mask)
    x, y, width, height = cv2.boundingRect(area)
    window = (slice(y, y + height), slice(x, x + width))
    if not area.any():
        return 0.0
    lab = [cv2.cvtColor(p.pixels[window].astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for p in (before, after)]
    changed = np.linalg.norm(lab[0] - lab[1], axis=-1) > VISIBLE_DISTANCE
    changed |= before.mask[window] != after.mask[window]
    return float(changed[area[window] > 0].mean())


def cut_patch(picture: GarmentPicture, side: int = 96) -> Pixels | None:
    """A square patch of the chest's cloth and print, uint8 (side, side, 3); None where the chest is not to be seen."""
    area = region_area(picture, RegionName.CHEST)
    if area.sum() < 400:
        return None
    x, y, width, height = cv2.boundingRect(area)
    half = 0.42 * min(width, height)
    cx, cy = x + width / 2, y + height / 2
    patch = picture.pixels[int(cy - half) : int(cy + half), int(cx - half) : int(cx + half)]
    return np.asarray(cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def edits_for(region: RegionName, donors: Sequence[Pixels] = ()) -> Kinds:
    """What the shipped copies are drawn from. Frozen: one edit more would change every copy of every seed."""
    kinds: Kinds = {
        "recolour": (edit_fabric.recolour, 1.0),
        "fabric": (edit_fabric.change_fabric, 1.2),
        "other_cloth": (functools.partial(edit_fabric.take_cloth, donors=donors), 0.7 if donors else 0.0),
    }
    if region is RegionName.COLLAR:
        kinds |= {
            "deeper_neck": (edit_shape.deepen_neck, 1.5),
            "closed_neck": (edit_shape.close_neck, 1.5),
            "neck_band": (edit_shape.sew_band, 1.0),
            "pointed_collar": (edit_shape.sew_collar, 1.2),
        }
    elif region in SLEEVES:
        kinds |= {
            "shorter_sleeve": (edit_shape.shorten_sleeve, 2.0),
            "cuff": (edit_fabric.add_cuff, 1.2),
            "band": (edit_fabric.add_band, 1.0),
        }
    else:
        kinds |= {
            "print_removed": (edit_fabric.remove_print, 2.5),
            "print_added": (functools.partial(edit_fabric.add_print, donors=donors), 2.0),
            "print_replaced": (functools.partial(edit_fabric.replace_print, donors=donors), 2.5),
            "band": (edit_fabric.add_band, 0.7),
            "pocket": (edit_fabric.add_pocket, 1.0),
        }
    if region is RegionName.WAIST:
        kinds |= {"shorter_hem": (edit_shape.shorten_hem, 2.0), "border": (edit_fabric.add_cuff, 0.7)}
    return kinds


def every_edit_for(region: RegionName, donors: Sequence[Pixels] = ()) -> Kinds:
    """Those of `edits_for` and the ones written since; for new trainings and new versions of a benchmark."""
    kinds = edits_for(region, donors)
    if region is RegionName.COLLAR:
        return kinds | {
            f"{neck}_collar": (functools.partial(edit_collar.reshape_collar, neck=neck), 0.8)
            for neck in edit_collar.Neck
        }
    if region in SLEEVES:
        return kinds
    kinds |= {"mosaic": (edit_print.mosaic, 1.0), "words_swapped": (edit_print.swap_words, 1.0)}
    return kinds | ({"waist_shape": (edit_waist.shape_waist, 1.5)} if region is RegionName.WAIST else {})


def _draw_edit(kinds: Kinds, rng: np.random.Generator) -> tuple[str, Edit]:
    odds = np.array([weight for _, weight in kinds.values()])
    name = list(kinds)[int(rng.choice(len(kinds), p=odds / odds.sum()))]
    return name, kinds[name][0]
