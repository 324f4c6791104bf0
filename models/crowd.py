"""How many registered garments resemble a garment about as much: who looks like many is the copy of none of them.

A plain pullover agrees with every pullover of the catalogue; a copied design agrees with one item, or with the few that
show it, and then with nothing for a long way. So a match is charged for its crowd: the evidence that the query
resembles *other* items too. Only so far, since a design may be registered in several colours.

Source: ours, in the spirit of the ratio test (Lowe, IJCV 2004, section 7.1): the nearest counts where the next is far.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InvalidValue

SPARED = 1
"""Of the other items the best so many are no crowd: the design may be registered once more."""
COUNTED = 3


def crowd_of(others: Sequence[float]) -> float:
    """The mean evidence (`models.likelihood`) of the second to fourth best of the other items, or of those there are.

    -inf where there are none: who resembles two items at most stands in no crowd.
    """
    counted = sorted(others, reverse=True)[SPARED : SPARED + COUNTED]
    return float(np.mean(counted)) if counted else float("-inf")


def others_of(
    items: Sequence[Hashable], evidence: Sequence[float], counted: Sequence[bool] | None = None
) -> list[list[float]]:
    """For each match the evidence of every other item, its best where it was found more than once.

    `items` and `evidence`, one a match, say which item it is of and how much speaks for it; `counted`, which matches
    are others to the rest: all, unless said.
    """
    best: dict[Hashable, float] = {}
    for item, found, counts in zip(items, evidence, counted or [True] * len(items), strict=True):
        if counts:
            best[item] = max(found, best.get(item, found))
    return [[found for other, found in best.items() if other != item] for item in items]


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a match's evidence is charged: the crowd's above `level`, at most `most`."""

    level: float
    most: float

    def __post_init__(self) -> None:
        if not np.isfinite([self.level, self.most]).all() or self.most < 0:
            raise InvalidValue("a crowd has a finite level and charges at least nothing")

    def charge(self, others: Sequence[float]) -> float:
        """0..`most`; `others`: the evidence of every other item, one number an item."""
        return float(np.clip(crowd_of(others) - self.level, 0.0, self.most))
