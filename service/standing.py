"""In which order a garment's matches stand, learnt from judged comparisons: `Policy.standing`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.evidence import CANDIDATES, Evidence
from models.taxonomy import WeightGroup
from models.weighting import WeightTable
from service.judging import LEAST_JUDGED

SCORE_WORTHS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""What is tried as the evidence that one of S is worth where matches are ordered."""

Booleans = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


def choose_score_worth(evidence: Evidence, sums: Floats, weights: WeightTable) -> float:
    """The least worth of S that puts most copies' originals first; `sums` (P,) is the evidence of each row."""
    scores = scores_of(evidence, weights)
    return max(SCORE_WORTHS, key=lambda worth: (_first(evidence, sums + worth * scores), -worth))


def scores_of(evidence: Evidence, weights: WeightTable) -> Floats:
    """S (P,) of each row."""
    weights_PR = np.array([weights.of(WeightGroup(group)).values for group in evidence.group.tolist()]).reshape(-1, 5)
    shares_PR = np.where(np.isnan(evidence.cosines), 0.0, weights_PR)
    summed_P = (shares_PR * np.nan_to_num(evidence.cosines)).sum(axis=1)
    return np.asarray(summed_P / np.maximum(shares_PR.sum(axis=1), 1e-9), dtype=np.float64)


def nearest_of(evidence: Evidence, most: int = LEAST_JUDGED) -> Evidence:
    """The first rows of each query, and the originals: what look-alikes of the nearest kind say."""
    numbers = np.arange(len(evidence.query))
    return evidence.where(foremost(evidence, -numbers.astype(np.float64), most))


def foremost(evidence: Evidence, standing: Floats, most: int = LEAST_JUDGED) -> Booleans:
    """bool (P,): the `most` rows of each query that stand best, as serving judges them, and the originals."""
    return np.asarray((_places(evidence, standing) < most) | evidence.original)


def answered(evidence: Evidence, standing: Floats) -> Booleans:
    """bool (P,): the rows that an answer would hold. An original that search misses is a row of its query, the last."""
    missed = _places(evidence, -np.arange(len(evidence.query), dtype=np.float64)) >= CANDIDATES
    return np.asarray((_places(evidence, np.where(missed, -np.inf, standing)) < LEAST_JUDGED) & ~missed)


def first_of_each(evidence: Evidence, standing: Floats) -> Booleans:
    """bool (P,): the row of each query that stands best: what an answer names first, and states a probability of."""
    return np.asarray(_places(evidence, standing) == 0)


def _first(evidence: Evidence, standing: Floats) -> int:
    """How many copies' originals stand first."""
    return int((evidence.copied & evidence.original & first_of_each(evidence, standing)).sum())


def _places(evidence: Evidence, standing: Floats) -> Ids:
    """(P,): how many rows of its query stand before each row."""
    order = np.lexsort((-standing, evidence.query))
    queries = evidence.query[order]
    starts = np.flatnonzero(np.diff(queries, prepend=-1))
    places = np.zeros(len(order), dtype=np.intp)
    places[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return places
