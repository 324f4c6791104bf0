"""What a match is judged beside: the other items that resemble the garment, and whether all share one blank."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from models.blank import Opinion, alike_regions, share_a_blank
from models.crowd import others_of
from models.taxonomy import REGIONS
from service.policy import Policy
from service.resemblance import Resemblance, evidence_in, find_region
from service.verdict import Beside

MOST_ON_A_BLANK = 64
"""Of many hits so many are compared with each other, the first: a picture may be registered ten thousand times."""


def stand_beside(
    items: Sequence[Hashable], found: Sequence[Resemblance], policy: Policy, counted: Sequence[bool] | None = None
) -> list[Beside]:
    """One for each resemblance of one garment, best first, all that were found; `items` says which item each is of,
    `counted` which are what the rest is judged beside: all, unless said."""
    counted = counted or [True] * len(found)
    others = others_of(items, evidence_in(found, policy).tolist(), counted)
    blanks = [False] * len(found)
    # The other way round the sides are changed: what agrees where says nothing across.
    for way in (False, True):
        places = [at for at, one in enumerate(found) if one.mirrored == way][:MOST_ON_A_BLANK]
        if places:
            told = _blanks(
                [items[at] for at in places], [found[at] for at in places], [counted[at] for at in places], policy
            )
            for at, blank in zip(places, told, strict=True):
                blanks[at] = blank
    return [Beside(beside, blank) for beside, blank in zip(others, blanks, strict=True)]


def _blanks(
    items: Sequence[Hashable], found: Sequence[Resemblance], counted: Sequence[bool], policy: Policy
) -> list[bool]:
    rules = policy.of(found[0].ours.detection.category.group)
    vectors = np.stack([one.theirs.embeddings.vectors for one in found])
    alike = alike_regions(vectors, [rules.least_cosine[name] for name in REGIONS])
    return share_a_blank(items, [_opinions(one, policy) for one in found], alike, counted)


def _opinions(resemblance: Resemblance, policy: Policy) -> list[Opinion]:
    rules = policy.of(resemblance.ours.detection.category.group)
    return [find_region(name, resemblance, 0.0, rules).agrees for name in REGIONS]
