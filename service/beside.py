"""What a match is judged beside: the other items that resemble the garment, and whether all share one blank."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from models.blank import Opinion, alike_regions, share_a_blank
from models.crowd import others_of
from models.taxonomy import REGIONS
from service.policy import Policy
from service.verdict import Beside, Resemblance, evidence_in, find_region


def stand_beside(items: Sequence[Hashable], found: Sequence[Resemblance], policy: Policy) -> list[Beside]:
    """One for each resemblance of one garment; `items` says which item it is of. All found should be there."""
    if not found:
        return []
    others = others_of(items, [evidence_in(one, policy) for one in found])
    rules = policy.of(found[0].ours.detection.category.group)
    vectors = np.stack([one.theirs.embeddings.vectors for one in found])
    alike = alike_regions(vectors, [rules.least_cosine[name] for name in REGIONS])
    # The other way round the sides are changed: what agrees where says nothing across.
    same_way = np.array([one.mirrored for one in found])
    blanks = [False] * len(found)
    for way in (False, True):
        chosen = np.flatnonzero(same_way == way)
        places = chosen.tolist()
        opinions = [_opinions(found[at], policy) for at in places]
        told = share_a_blank([items[at] for at in places], opinions, alike[np.ix_(chosen, chosen)])
        for at, blank in zip(places, told, strict=True):
            blanks[at] = blank
    return [Beside(beside, blank) for beside, blank in zip(others, blanks, strict=True)]


def _opinions(resemblance: Resemblance, policy: Policy) -> list[Opinion]:
    rules = policy.of(resemblance.ours.detection.category.group)
    return [find_region(name, resemblance, 0.0, rules).agrees for name in REGIONS]
