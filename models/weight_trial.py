"""Are learnt weights better than those in force? Learnt on one half of the judged pairs, decided on the other.

Source: PS-Net (CVPR 2020), section 3.3, for the learning; that held-out pairs decide is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from models.evidence import Evidence
from models.taxonomy import WeightGroup
from models.weight_learning import ascend, triplets_across
from models.weighting import RegionWeights

LEAST_SHARE = 0.1
"""What a region keeps at least, half of an equal share: without any one region an item then still shows 0.4 of the
weight, more than the policy's `least_weight` (0.35), and a few dozen pairs can hide nothing from searches."""
LEAST_FALL = 1e-9
"""A loss that falls by less has not fallen: that is rounding."""


class Outcome(StrEnum):
    """What a trial says: only `BETTER` weights are worth taking."""

    BETTER = "better"
    TOO_FEW = "too_few_pairs"
    NOTHING_LEARNT = "nothing_learnt"
    NO_BETTER = "no_better_on_held_out"


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs that were judged copies, and pairs that were not."""

    copies: int
    look_alikes: int

    def lacking(self, least: PairCounts) -> PairCounts:
        """How many more of each are needed."""
        return PairCounts(max(least.copies - self.copies, 0), max(least.look_alikes - self.look_alikes, 0))

    def __bool__(self) -> bool:
        return self.copies > 0 or self.look_alikes > 0


LEAST_LEARNT = PairCounts(20, 20)
LEAST_HELD_OUT = PairCounts(10, 10)
"""Fewer pairs than these in a half, and a loss says more about the pairs than about the weights."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Triplet loss of a half under the weights in force and under the learnt ones."""

    before: float
    after: float

    @property
    def fell(self) -> bool:
        return self.after < self.before - LEAST_FALL


@dataclass(frozen=True, slots=True)
class WeightTrial:
    """`new` and both losses are None where there were too few pairs."""

    group: WeightGroup
    old: RegionWeights
    learnt_from: PairCounts
    held_out: PairCounts
    outcome: Outcome
    new: RegionWeights | None = None
    learning_loss: Losses | None = None
    held_out_loss: Losses | None = None


def try_weights(
    evidence: Evidence, held_out: npt.NDArray[np.bool_], group: WeightGroup, old: RegionWeights
) -> WeightTrial:
    """Learn from the pairs of a group that are not `held_out` bool (P,), from the weights in force on, and compare."""
    halves = [evidence.where((evidence.group == group.value) & side) for side in (~held_out, held_out)]
    counts = [PairCounts(int(half.original.sum()), int((~half.original).sum())) for half in halves]
    if counts[0].lacking(LEAST_LEARNT) or counts[1].lacking(LEAST_HELD_OUT):
        return WeightTrial(group, old, counts[0], counts[1], Outcome.TOO_FEW)
    to_learn, to_decide = (triplets_across(half, group) for half in halves)
    new = ascend(to_learn, start=old, floor=LEAST_SHARE)
    learning, decisive = (
        Losses(triplets.loss(old.values), triplets.loss(new.values)) for triplets in (to_learn, to_decide)
    )
    outcome = Outcome.BETTER if decisive.fell else Outcome.NO_BETTER
    if not learning.fell:
        outcome = Outcome.NOTHING_LEARNT
    return WeightTrial(group, old, counts[0], counts[1], outcome, new, learning, decisive)
