"""The two published sets: copies of validation garments as a copycat would make them, and hard negatives.

standard: one or two regions altered, photographed anew. hard: always two, a stronger warp, viewpoint and light, and a
part of the garment covered; beside them garments with three or more regions changed, which are no copies.
Deterministic by the photo's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.regions import locate_regions
from models.taxonomy import RegionName
from models.training.data.copies import Copy, CopyMaker, Original
from models.training.data.region_edits import alter_regions
from models.training.data.rephotograph import rephotograph

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SetPlan:
    """`hardness` scales warp, viewpoint and light (1: as in training); `covered`: side of what hides a part of the
    garment, as a share of the garment's box."""

    name: str
    hardness: float
    fewest: int
    most: int
    covered: float


STANDARD = SetPlan("standard", 1.0, 1, 2, 0.0)
HARD = SetPlan("hard", 1.6, 2, 2, 0.3)
NEGATIVE = SetPlan("hard", 1.6, 3, 5, 0.0)
"""No copies. The 1.6 is a guess, yet to be tuned against the Traditional method on training contributors."""


@cache
def edit_odds() -> Mapping[str, Mapping[str, float]]:
    """Group → region → how often it is drawn."""
    content = json.loads(Path(__file__).with_name("edits.json").read_text())
    return {group: {name: float(odds) for name, odds in rows.items()} for group, rows in content["groups"].items()}


def plans_digest() -> str:
    """Eight hex digits that change whenever a plan or the odds of a region do; how an edit looks is not in them."""
    return hashlib.sha256(f"{STANDARD} {HARD} {NEGATIVE} {edit_odds()}".encode()).hexdigest()[:8]


def make_copy(maker: CopyMaker, original: Original, plan: SetPlan, seed: int) -> Copy | None:
    """A photo of the plan, or None where too few of its regions can be altered."""
    words = f"{plan.name} {plan.fewest} {seed} {original.garment.photo}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))
    pixels, mask = original.pixels(), original.mask()
    wanted = _draw_regions(original, plan, rng, pixels.shape)
    edited = alter_regions(pixels, mask, original.landmarks, wanted, rng, donors=maker.donors)
    if len(edited.altered) < plan.fewest:
        return None
    ground = maker.grounds[int(rng.integers(len(maker.grounds)))]
    photo = rephotograph(edited.pixels, edited.mask, edited.landmarks, ground, rng, plan.hardness)
    shown = photo.pixels if not plan.covered else _cover(photo.pixels, photo.mask, maker, plan.covered, rng)
    return Copy(original.garment.photo, shown, edited.altered, edited.edits, photo.flipped, photo.recoloured)


def _draw_regions(
    original: Original, plan: SetPlan, rng: np.random.Generator, shape: tuple[int, ...]
) -> list[RegionName]:
    regions = locate_regions(original.landmarks, shape[1], shape[0])
    names = [region.name for region in regions if region.visible]
    odds = edit_odds()[original.landmarks.category.group.value]
    share = np.array([odds[name.value] for name in names])
    count = min(len(names), int(rng.integers(plan.fewest, plan.most + 1)))
    chosen = rng.choice(len(names), size=count, replace=False, p=share / share.sum())
    return [names[number] for number in chosen]


def _cover(pixels: Pixels, mask: Pixels, maker: CopyMaker, share: float, rng: np.random.Generator) -> Pixels:
    """A piece of other cloth lies over a corner of the garment."""
    x, y, width, height = cv2.boundingRect(mask)
    wide, tall = max(2, int(share * width)), max(2, int(share * height))
    left = x if rng.random() < 0.5 else x + width - wide
    top = y + int(rng.uniform(0, 1) * (height - tall))
    cloth = maker.donors[int(rng.integers(len(maker.donors)))]
    shown = pixels.copy()
    window = shown[top : top + tall, left : left + wide]
    window[:] = cv2.resize(cloth, window.shape[1::-1])
    return shown
