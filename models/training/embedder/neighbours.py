"""Each training garment's hard strangers: those of its colour, of its contributor, and those that the network itself
confuses it with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.training.embedder.objective import LEAST_KEPT

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Neighbours = dict[int, Numbers]
"""Shelf number → shelf numbers of its strangers, nearest first."""
CHUNK = 64


def in_turns(kinds: Sequence[Numbers], rng: np.random.Generator) -> list[int]:
    """Strangers of each kind in random order, one of each in turn while there are any; none twice."""
    mixed = itertools.chain.from_iterable(itertools.zip_longest(*(rng.permutation(kind).tolist() for kind in kinds)))
    return list(dict.fromkeys(number for number in mixed if number is not None))


def near_in_colour(colours: Floats, groups: Sequence[object], train: Numbers, count: int) -> Neighbours:
    """For each training garment those of its group that are nearest in mean colour (CIELAB, float32 (N, 3)).

    `groups`: anything that is equal for garments which may be each other's strangers, a weight group for example.
    """
    near = {}
    for number in train:
        kin = np.array([other for other in train if other != number and groups[other] == groups[number]], dtype=int)
        distance = np.linalg.norm(colours[kin] - colours[number], axis=1)
        near[int(number)] = kin[np.argsort(distance)[:count]]
    return near


def confused_by(rows_NRD: Floats, train: Numbers, designs: Sequence[int], count: int) -> Neighbours:
    """For each training garment those of other designs, in any group, whose three best regions agree most with its own.

    `rows_NRD` are the vectors of the garments in `train`, in that order, zero rows where a region is missing. Mean
    colour says nothing of stripes, checks and small flowers; the network's own mistakes do.
    """
    seen_NR = np.abs(rows_NRD).sum(axis=2) > 0
    design_N = np.array([designs[int(number)] for number in train])
    near: Neighbours = {}
    for start in range(0, len(train), CHUNK):
        part = slice(start, start + CHUNK)
        cosines_NMR = np.einsum("nrd,mrd->nmr", rows_NRD[part], rows_NRD)
        cosines_NMR[~(seen_NR[part][:, None] & seen_NR[None])] = -1.0
        likeness_NM = np.sort(cosines_NMR, axis=2)[..., -LEAST_KEPT:].mean(axis=2)
        likeness_NM[design_N[part][:, None] == design_N[None]] = -np.inf
        order_NM = np.argsort(-likeness_NM, axis=1)[:, :count]
        near |= {int(train[start + row]): train[order] for row, order in enumerate(order_NM)}
    return near
