"""The one score between two garments, region by region, and the identity that makes it a single inner product.

    S(q, g) = Σ_r λ_r · cos(q_r, g_r) / Σ_r λ_r      over regions visible in both

Rows are unit vectors, so among items that share one visibility mask S is the inner product of the concatenated rows
with a query whose rows are scaled by λ_r / Σλ: weights change per request and the index stays as it is.
Source: PS-Net (CVPR 2020), section 3; that what was not compared is left out of the sum is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights

Floats = npt.NDArray[np.float32]
UPRIGHT_PREFERENCE = 0.01
"""How much better the mirrored orientation has to score: most garments look much the same both ways round."""
SAME_COLOURED = 3
"""Regions whose colour front and back share at least."""


def region_cosines(query: RegionEmbeddings, item: RegionEmbeddings) -> Floats:
    """float32 (5,): cosine of each region, NaN where it is missing on either side."""
    cosines = (query.vectors * item.vectors).sum(axis=1).clip(-1, 1)
    cosines[~(query.visible & item.visible)] = np.nan
    return np.asarray(cosines, dtype=np.float32)


def weighted_score(cosines: Floats, weights: RegionWeights) -> float:
    """S from cosines (5,) with NaN where not compared; 0 where nothing was compared."""
    compared = ~np.isnan(cosines)
    total = float(weights.values[compared].sum())
    return float(weights.values[compared] @ cosines[compared]) / total if total > 0 else 0.0


def seen_mirrored(upright: float, mirrored: float) -> bool:
    """Whether S of the flipped query says that it is the mirror image of the item, rather than by a hair."""
    return mirrored > upright + UPRIGHT_PREFERENCE


def compared_weight(query_mask: int, item_mask: int, weights: RegionWeights) -> float:
    """The share of the weight, 0..1, that regions visible on both sides carry."""
    return float(weights.values[mask_bits(query_mask & item_mask)].sum())


def scaled_query(query: RegionEmbeddings, item_mask: int, weights: RegionWeights) -> Floats:
    """float32 (5·D,): its inner product with an item's concatenated rows is S, for every item with `item_mask`."""
    compared = query.visible & mask_bits(item_mask)
    total = float(weights.values[compared].sum())
    scale = np.where(compared, weights.values, 0.0) / (total if total > 0 else 1.0)
    return np.asarray((query.vectors * scale[:, None]).reshape(-1), dtype=np.float32)


def mask_bits(mask: int) -> npt.NDArray[np.bool_]:
    """bool (5,) of a visibility mask 0..31."""
    return np.asarray((mask >> np.arange(REGION_COUNT)) & 1 == 1)


def colour_shifts(query: RegionEmbeddings, item: RegionEmbeddings) -> Floats:
    """float32 (5,): each region's colour change (CIELAB ΔE) beyond the change common to all; NaN if not compared.

    The common change is the median over compared regions, so another colourway moves none of them, and up to two of
    five recoloured regions stand out.
    """
    compared = query.visible & item.visible
    shifts = np.full(REGION_COUNT, np.nan, dtype=np.float32)
    if compared.any():
        moved = query.colours[compared] - item.colours[compared]
        shifts[compared] = np.linalg.norm(moved - _median(moved), axis=1)
    return shifts


def common_colour_change(query: RegionEmbeddings, item: RegionEmbeddings) -> float:
    """CIELAB ΔE of the change that regions share (their median); 0 where nothing is compared.

    Light moves it a little, another colourway far: what is left of it beyond `colour_shifts`.
    """
    compared = query.visible & item.visible
    moved = query.colours[compared] - item.colours[compared]
    return float(np.linalg.norm(_median(moved))) if compared.any() else 0.0


def _median(rows: Floats) -> Floats:
    """Of (N, 3), N ≥ 1: NumPy's own takes ten times as long for five rows, and a check asks for hundreds."""
    ordered = np.sort(rows, axis=0)
    return np.asarray((ordered[(len(rows) - 1) // 2] + ordered[len(rows) // 2]) / 2)


def colour_distance(query: RegionEmbeddings, item: RegionEmbeddings) -> float:
    """CIELAB ΔE between two garments; NaN where nothing is compared.

    A mean over the `SAME_COLOURED` compared regions that are nearest: the back has no print, and no buttons.
    """
    compared = query.visible & item.visible
    moved = query.colours[compared] - item.colours[compared]
    nearest = np.sort(np.linalg.norm(moved, axis=1))[:SAME_COLOURED]
    return float(nearest.mean()) if compared.any() else float("nan")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether two photos show one garment, front and back among them: S tolerates hue, so colour has to be added.

    S (equal weights) less `colour_cost` for each ΔE between the garments up to `most_colour`, beyond which it is
    another colourway, plus `group_bonus` where both are of one weight group.
    """

    colour_cost: float
    most_colour: float
    group_bonus: float

    def __post_init__(self) -> None:
        if not all(
            np.isfinite(value) and value >= 0 for value in (self.colour_cost, self.most_colour, self.group_bonus)
        ):
            raise InvalidValue("what a likeness is made of is finite and not negative")

    def of(self, score: float, distance: float, *, same_group: bool) -> float:
        """`distance` is `colour_distance`; NaN costs as much as another colourway."""
        charged = self.most_colour if np.isnan(distance) else min(distance, self.most_colour)
        return score - self.colour_cost * charged + self.group_bonus * same_group
