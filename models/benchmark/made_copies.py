"""A photo of a benchmark set from an original, the same for the same photo, plan and seed."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import numpy.typing as npt

from models.benchmark.sets import SetPlan, edit_odds
from models.geometry import Box, intersection_over_union
from models.regions import locate_regions
from models.taxonomy import RegionName
from models.training.data.copies import Copy, CopyMaker, Original
from models.training.data.garment_picture import GarmentPicture
from models.training.data.longer_sleeves import lengthen_sleeves
from models.training.data.other_category import cut_sleeves_short
from models.training.data.region_edits import EditedPhoto, alter_regions, edits_for, every_edit_for
from models.training.data.rephotograph import Rephotographed, rephotograph

Pixels = npt.NDArray[np.uint8]
COVERED_SHARE = 0.3
"""A region with more of its box covered is neither altered nor unaltered: nobody can tell."""


def make_copy(maker: CopyMaker, original: Original, plan: SetPlan, seed: int) -> Copy | None:
    """A photo of the plan, or None where too few of its regions can be altered."""
    words = f"{plan.name} {plan.fewest} {seed} {original.garment.photo}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))
    picture = GarmentPicture(original.pixels(), (original.mask() > 0).astype(np.uint8), original.landmarks)
    edited = _edit(picture, maker, plan, rng)
    if len(edited.altered) < plan.fewest:
        return None
    ground = maker.grounds[int(rng.integers(len(maker.grounds)))]
    photo = rephotograph(edited.pixels, edited.mask, edited.landmarks, ground, rng, plan.hardness)
    shown, covered = (photo.pixels, ()) if not plan.covered else _cover(photo, maker, plan.covered, rng)
    return Copy(
        original.garment.photo, shown, edited.altered, edited.edits, photo.flipped, photo.recoloured, covered=covered
    )


def _edit(picture: GarmentPicture, maker: CopyMaker, plan: SetPlan, rng: np.random.Generator) -> EditedPhoto:
    if rng.random() < plan.other_category:
        other = cut_sleeves_short(picture, rng)
        if other is None and plan.every_edit:
            other = lengthen_sleeves(picture, rng)
        if other is not None:
            return other
    wanted = _draw_regions(picture, plan, rng)
    kinds = every_edit_for if plan.every_edit else edits_for
    return alter_regions(
        picture.pixels, picture.mask, picture.landmarks, wanted, rng, donors=maker.donors, kinds_for=kinds
    )


def _draw_regions(picture: GarmentPicture, plan: SetPlan, rng: np.random.Generator) -> list[RegionName]:
    regions = locate_regions(picture.landmarks, picture.width, picture.height)
    names = [region.name for region in regions if region.visible]
    odds = edit_odds()[picture.landmarks.category.group.value]
    share = np.array([1.0 if plan.uniform else odds[name.value] for name in names])
    count = min(len(names), int(rng.integers(plan.fewest, plan.most + 1)))
    chosen = rng.choice(len(names), size=count, replace=False, p=share / share.sum())
    return [names[number] for number in chosen]


def _cover(
    photo: Rephotographed, maker: CopyMaker, share: float, rng: np.random.Generator
) -> tuple[Pixels, tuple[RegionName, ...]]:
    """A piece of other cloth lies over a corner of the garment; and the original's regions that are under it."""
    x, y, width, height = cv2.boundingRect(photo.mask)
    wide, tall = max(2, int(share * width)), max(2, int(share * height))
    left = x if rng.random() < 0.5 else x + width - wide
    top = y + int(rng.uniform(0, 1) * (height - tall))
    cloth = maker.donors[int(rng.integers(len(maker.donors)))]
    shown = photo.pixels.copy()
    window = shown[top : top + tall, left : left + wide]
    window[:] = cv2.resize(cloth, window.shape[1::-1])
    lying = Box(float(left), float(top), float(left + window.shape[1]), float(top + window.shape[0]))
    regions = locate_regions(photo.landmarks, shown.shape[1], shown.shape[0])
    hidden = [one.name for one in regions if one.box is not None and _shared(one.box, lying) > COVERED_SHARE]
    return shown, tuple(name.mirrored if photo.flipped else name for name in hidden)


def _shared(box: Box, other: Box) -> float:
    """The share of `box` that lies inside the other."""
    overlap = intersection_over_union(box, other)
    return overlap * (box.area + other.area) / (1 + overlap) / box.area
