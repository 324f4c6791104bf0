"""Whether the probabilities that checks state come true: of the best hit of copies, and of photos nobody copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.benchmark.reliability import Reliability, reliability_of
from models.benchmark.table import ALL
from service.benchmark_verdicts import Answer, SeenGarments


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of the best hit a photo, copies of set `name` and photos without a copy 1:1, `pairs` in all; `group` is the
    weight group that the detector saw, whose curve stated the probability, or all together.

    Intervals are over garments: copies of one, and its own photo that asked without it, are drawn together.
    """

    name: str
    group: str
    pairs: int
    reliability: Reliability


def calibrations_of(
    name: str,
    answers: tuple[Sequence[Answer], Sequence[Answer]],
    groups: tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]],
    gallery: SeenGarments,
) -> list[Calibration]:
    """All together, then each group that both have; `answers` of copies and of photos that nobody copied, with the
    `groups` of what asked."""
    shared = sorted(set(groups[0].tolist()) & set(groups[1].tolist()) - {""})
    found = []
    for group in (ALL, *shared):
        hits = [
            _first_hits([a for a, own in zip(part, seen.tolist(), strict=True) if group in (ALL, own)], gallery)
            for part, seen in zip(answers, groups, strict=True)
        ]
        count = min(map(len, hits))
        if count:
            pairs = [part[at * len(part) // count] for part in hits for at in range(count)]
            stated, happened, garments = zip(*pairs, strict=True)
            found.append(Calibration(name, group, len(pairs), reliability_of(stated, happened, garments)))
    return found


def _first_hits(answers: Sequence[Answer], gallery: SeenGarments) -> list[tuple[float, bool, str]]:
    """What the match that stands first is said to be a copy with, whether it is the original, and whose photo asked."""
    return [
        (match.probability, bool(gallery.rows.owners[place] == answer.owner), answer.owner)
        for answer in answers
        for place, match in answer.matches[:1]
    ]
