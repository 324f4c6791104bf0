"""The names of the field: DeepFashion2 categories and landmark slots, weight groups, regions.

Source: DeepFashion2 (`df2_landmarks.json`; slot names are ours, read off the data set's Figure 2), merged to 81
channels as the 2020 landmark challenge winner did (lzhbrian/deepfashion2-kps-agg-finetune).
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LANDMARK_CHANNELS = 81
"""Heatmap channels: the 294 DeepFashion2 slots, merged where categories share a meaning."""


class Category(StrEnum):
    """The 13 DeepFashion2 categories; declared in the data set's order."""

    SHORT_SLEEVE_TOP = "short_sleeve_top"
    LONG_SLEEVE_TOP = "long_sleeve_top"
    SHORT_SLEEVE_OUTWEAR = "short_sleeve_outwear"
    LONG_SLEEVE_OUTWEAR = "long_sleeve_outwear"
    VEST = "vest"
    SLING = "sling"
    SHORTS = "shorts"
    TROUSERS = "trousers"
    SKIRT = "skirt"
    SHORT_SLEEVE_DRESS = "short_sleeve_dress"
    LONG_SLEEVE_DRESS = "long_sleeve_dress"
    VEST_DRESS = "vest_dress"
    SLING_DRESS = "sling_dress"

    @property
    def df2_id(self) -> int:
        """1..13, the data set's category_id."""
        return list(Category).index(self) + 1

    @property
    def group(self) -> WeightGroup:
        return _GROUP_OF[self]

    @property
    def has_sleeves(self) -> bool:
        return "sleeve" in self.value

    @property
    def is_bottom(self) -> bool:
        return self.group is WeightGroup.BOTTOM


class WeightGroup(StrEnum):
    """Categories that share region weights and calibration."""

    T_SHIRT = "t_shirt"
    LONG_SLEEVE_TOP = "long_sleeve_top"
    OUTERWEAR = "outerwear"
    DRESS = "dress"
    BOTTOM = "bottom"


_GROUP_OF = {
    Category.SHORT_SLEEVE_TOP: WeightGroup.T_SHIRT,
    Category.VEST: WeightGroup.T_SHIRT,
    Category.SLING: WeightGroup.T_SHIRT,
    Category.LONG_SLEEVE_TOP: WeightGroup.LONG_SLEEVE_TOP,
    Category.SHORT_SLEEVE_OUTWEAR: WeightGroup.OUTERWEAR,
    Category.LONG_SLEEVE_OUTWEAR: WeightGroup.OUTERWEAR,
    Category.SHORT_SLEEVE_DRESS: WeightGroup.DRESS,
    Category.LONG_SLEEVE_DRESS: WeightGroup.DRESS,
    Category.VEST_DRESS: WeightGroup.DRESS,
    Category.SLING_DRESS: WeightGroup.DRESS,
    Category.SHORTS: WeightGroup.BOTTOM,
    Category.TROUSERS: WeightGroup.BOTTOM,
    Category.SKIRT: WeightGroup.BOTTOM,
}


class RegionName(StrEnum):
    """The five regions of PS-Net; left and right are sides of the image. Declared in row order of embeddings."""

    COLLAR = "collar"
    CHEST = "chest"
    WAIST = "waist"
    LEFT_SLEEVE = "left_sleeve"
    RIGHT_SLEEVE = "right_sleeve"

    @property
    def row(self) -> int:
        return REGIONS.index(self)

    @property
    def mirrored(self) -> RegionName:
        """The region that this one becomes when the picture is flipped left to right."""
        return _MIRROR_OF.get(self, self)


REGIONS = tuple(RegionName)
REGION_COUNT = len(REGIONS)
_MIRROR_OF = {
    RegionName.LEFT_SLEEVE: RegionName.RIGHT_SLEEVE,
    RegionName.RIGHT_SLEEVE: RegionName.LEFT_SLEEVE,
}
_REGION_OF_HINT = {
    "collar": RegionName.COLLAR,
    "chest": RegionName.CHEST,
    "waist": RegionName.WAIST,
    "sleeve_L": RegionName.LEFT_SLEEVE,
    "sleeve_R": RegionName.RIGHT_SLEEVE,
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One landmark of a category.

    `number` is the data set's 1-based local number, `sigma` its OKS constant, `channel` its heatmap (0..80),
    `mirror` the number of the slot it becomes in a flipped picture.
    """

    number: int
    name: str
    sigma: float
    channel: int
    mirror: int
    regions: tuple[RegionName, ...]


@functools.cache
def slots_of(category: Category) -> tuple[Slot, ...]:
    """The landmark slots of a category in the data set's order: 8 (skirt) to 39 (long sleeve outwear)."""
    return _slots()[category]


@functools.cache
def slot_index(category: Category) -> dict[str, int]:
    """Slot name → 0-based position in `slots_of(category)`."""
    return {slot.name: slot.number - 1 for slot in slots_of(category)}


@functools.cache
def mirror_channels() -> tuple[int, ...]:
    """For each of the 81 channels, the channel it becomes in a flipped picture."""
    mirror = list(range(LANDMARK_CHANNELS))
    for slots in _slots().values():
        for slot in slots:
            mirror[slot.channel] = slots[slot.mirror - 1].channel
    return tuple(mirror)


@functools.cache
def taxonomy_hash() -> str:
    """Twelve hex digits that change whenever a category, slot, channel or region does."""
    described = {
        "regions": list(REGIONS),
        "groups": _GROUP_OF,
        "slots": {
            category: [[slot.name, slot.channel, slot.mirror, slot.regions] for slot in slots]
            for category, slots in _slots().items()
        },
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


@functools.cache
def _slots() -> dict[Category, tuple[Slot, ...]]:
    table = json.loads(Path(__file__).with_name("df2_landmarks.json").read_text())
    return {
        Category(entry["name"]): tuple(
            Slot(
                number=number,
                name=slot["name"],
                sigma=slot["sigma"],
                channel=slot["channel"],
                mirror=slot["mirror"],
                regions=tuple(_REGION_OF_HINT[hint] for hint in slot["regions"]),
            )
            for number, slot in enumerate(entry["slots"], start=1)
        )
        for entry in table["categories"]
    }
