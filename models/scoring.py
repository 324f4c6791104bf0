"""The one score between two garments, region by region, and the identity that makes it a single inner product.

    S(q, g) = Σ_r λ_r · cos(q_r, g_r) / Σ_r λ_r      over regions visible in both

Rows are unit vectors, so among items that share one visibility mask S is the inner product of the concatenated rows
with a query whose rows are scaled by λ_r / Σλ: weights change per request and the index stays as it is.
Source: PS-Net (CVPR 2020), section 3; the renormalisation is product.md's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights

Floats = npt.NDArray[np.float32]
LEAST_KEPT = 3


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


def unaltered_score(cosines: Floats, weights: RegionWeights, most_altered: int) -> float:
    """S of the regions that agree best, leaving out up to `most_altered` of the others but keeping three.

    A copycat may alter that many regions; what is left must agree as one. It parts partial copies from look-alikes
    better than S itself, which an altered region drags down (measured on the calibration fold).
    """
    compared = np.flatnonzero(~np.isnan(cosines))
    kept = compared[np.argsort(-cosines[compared], kind="stable")][: max(LEAST_KEPT, len(compared) - most_altered)]
    best = np.full(REGION_COUNT, np.nan, dtype=np.float32)
    best[kept] = cosines[kept]
    return weighted_score(best, weights)


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
    five recoloured regions stand out (product.md, "Colour").
    """
    compared = query.visible & item.visible
    shifts = np.full(REGION_COUNT, np.nan, dtype=np.float32)
    if compared.any():
        moved = query.colours[compared] - item.colours[compared]
        shifts[compared] = np.linalg.norm(moved - np.median(moved, axis=0), axis=1)
    return shifts
