"""Region weights by coordinate ascent on cached cosines: which regions tell a copy from a look-alike, per group.

Source: PS-Net (CVPR 2020), section 3.3: every weight starts alike; one weight at a time is moved by a step of 0.1,
of 0.05 after epoch 40, of 0.01 after epoch 60; a move is kept if the loss falls, then the weights are brought to sum 1.
The loss is the triplet loss of the weighted score. Its factor α, low where one region differs and the others agree, is
not published; ours is below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.evidence import Evidence
from models.taxonomy import REGION_COUNT, WeightGroup
from models.weighting import RegionWeights, WeightTable

STEPS = ((40, 0.1), (60, 0.05), (80, 0.01))
"""(until epoch, step)."""
MARGIN = 0.1
LEAST_TRIPLETS = 400
"""Fewer than this in a group, and the group takes the weights of all groups together."""
MOST_TRIPLETS = 10_000
"""Where copies and look-alikes make more, this many are drawn: the loss hardly moves and is quick to work out."""
LIKE = 0.15
"""A region differs where its cosine falls this far below the mean of the others."""
COORDINATES = ((0,), (1,), (2,), (3, 4))
"""Rows that move together: a mirrored query's left sleeve is compared with a right one, so both weigh alike."""
SPARED = 0.5
"""α of a triplet whose copy differs in just one region: it is a copy by definition, so it need not move the weights."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Triplets:
    """T times a copy's cosines with its original and with a look-alike, float64 (T, 5) each, NaN where not compared."""

    positive: Floats
    negative: Floats

    def __post_init__(self) -> None:
        if self.positive.shape != self.negative.shape or self.positive.shape[1:] != (REGION_COUNT,):
            raise InvalidValue("triplets have five cosines with the original and five with the look-alike")

    def __len__(self) -> int:
        return len(self.positive)

    def importance(self) -> Floats:
        """α (T,): `SPARED` where exactly one region of the copy differs from the others, else 1."""
        others = (np.nansum(self.positive, axis=1, keepdims=True) - np.nan_to_num(self.positive)) / np.maximum(
            (~np.isnan(self.positive)).sum(axis=1, keepdims=True) - 1, 1
        )
        differs = (self.positive < others - LIKE).sum(axis=1)
        return np.where(differs == 1, SPARED, 1.0)

    def loss(self, weights: Floats) -> float:
        """Mean of α · max(S⁻ − S⁺ + margin, 0)."""
        hinge = np.maximum(_scores(self.negative, weights) - _scores(self.positive, weights) + MARGIN, 0)
        return float((self.importance() * hinge).mean())


def triplets_of(evidence: Evidence, groups: frozenset[str]) -> Triplets:
    """Every copy of these weight groups with each of the look-alikes that were found beside its original."""
    pairs = list(_pairs(evidence, groups))
    originals, others = (np.array([pair[side] for pair in pairs], dtype=int) for side in (0, 1))
    cosines = evidence.cosines.astype(np.float64)
    return Triplets(cosines[originals].reshape(-1, REGION_COUNT), cosines[others].reshape(-1, REGION_COUNT))


def triplets_across(evidence: Evidence, group: WeightGroup, seed: int = 2026) -> Triplets:
    """Every copy of a group with every look-alike of it, whatever photo they were found for.

    Moderators judge pairs; seldom is one photo judged beside both its original and a look-alike.
    """
    rows = evidence.where(evidence.group == group.value)
    copies, others = (rows.cosines[side].astype(np.float64) for side in (rows.original, ~rows.original))
    count = len(copies) * len(others)
    # Never all of them: 13,000 copies and 13,000 look-alikes would be 1.4 GB of numbers to draw from.
    draw = count > MOST_TRIPLETS
    chosen = np.random.default_rng(seed).choice(count, MOST_TRIPLETS, replace=False) if draw else np.arange(count)
    return Triplets(copies[chosen // max(len(others), 1)], others[chosen % max(len(others), 1)])


def ascend(
    triplets: Triplets, seed: int = 2026, start: RegionWeights | None = None, floor: float = 0.0
) -> RegionWeights:
    """The weights whose loss no accepted step could lower further, from `start` (equal weights) on: never a worse loss.

    No weight sinks below `floor`, or below where it started if that is less. A region that weighs nothing at first and
    that no triplet compares, as a group does not have it, goes on weighing nothing. Raises InvalidValue without
    triplets.
    """
    if not len(triplets):
        raise InvalidValue("weights are learnt from copies beside look-alikes")
    rng = np.random.default_rng(seed)
    weights = (RegionWeights.equal() if start is None else start).values
    floors = np.minimum(weights, floor)
    there = (weights > 0) | ~np.isnan(np.concatenate([triplets.positive, triplets.negative])).all(axis=0)
    best = triplets.loss(weights)
    for epoch in range(STEPS[-1][0]):
        step = next(step for until, step in STEPS if epoch < until)
        for at in rng.permutation(len(COORDINATES)):
            for direction in rng.permutation((-step, step)):
                moved = weights.copy()
                moved[list(COORDINATES[at])] += direction
                tried = _above(floors, np.where(there, np.maximum(moved, 0.0), 0.0))
                if tried is None:
                    continue
                loss = triplets.loss(tried)
                if loss < best:
                    weights, best = tried, loss
    return RegionWeights(weights)


def learn_weights(evidence: Evidence, start: WeightTable, version: str) -> WeightTable:
    """A table learnt group by group; groups with few triplets share one, bottoms keep those of `start`."""
    learnable = [group for group in WeightGroup if group is not WeightGroup.BOTTOM]
    together = ascend(triplets_of(evidence, frozenset(group.value for group in learnable)))
    groups = dict(start.groups)
    for group in learnable:
        own = triplets_of(evidence, frozenset({group.value}))
        groups[group] = ascend(own) if len(own) >= LEAST_TRIPLETS else together
    return WeightTable(version, groups)


def _above(floors: Floats, weights: Floats) -> Floats | None:
    """Weights (5,) brought to sum 1, none below its floor: what would be stands on it, the others share what is left.

    None where no other is left that weighs anything.
    """
    held = np.zeros(REGION_COUNT, np.bool_)
    while (free := weights[~held].sum()) > 0:
        shared = np.where(held, floors, weights * (1 - floors[held].sum()) / free)
        low = ~held & (shared < floors)
        if not low.any():
            return shared
        held |= low
    return None


def _pairs(evidence: Evidence, groups: frozenset[str]) -> Iterator[tuple[int, int]]:
    of_group = np.isin(evidence.group, sorted(groups))
    for original in np.flatnonzero(evidence.original & of_group):
        for other in np.flatnonzero((evidence.query == evidence.query[original]) & ~evidence.original):
            yield int(original), int(other)


def _scores(cosines: Floats, weights: Floats) -> Floats:
    compared = ~np.isnan(cosines)
    total = (compared * weights).sum(axis=1)
    return np.asarray((np.nan_to_num(cosines) * weights * compared).sum(axis=1) / np.maximum(total, 1e-9))
