"""Whether stated probabilities come true: a reliability diagram of equal-mass bins, ECE and Brier skill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.benchmark.metrics import NOTHING, Figure, Floats, draw_garments

BINS = 10
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Bin:
    """`count` probabilities of nearly one size: their mean, and the share that came true."""

    stated: float
    happened: float
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """`error` (ECE) 0..1, the bins' mean gap; `skill` (Brier) 1 for certainty, 0 for always stating the base rate, no
    figure where all had one outcome.

    Garments are drawn with all of their pairs, and each draw is put into bins anew. A draw repeats pairs, so that its
    bins differ by chance more than those of the whole: the interval of `error` lies rather high.
    """

    error: Figure
    skill: Figure
    bins: tuple[Bin, ...]


def reliability_of(
    probabilities: npt.ArrayLike, outcomes: npt.ArrayLike, garments: npt.ArrayLike, bins: int = BINS
) -> Reliability:
    """Of (N,) probabilities, whether each came true, and whose each is, N ≥ 1. Bins hold equally many, ± 1."""
    order = np.argsort(np.asarray(probabilities, np.float64), kind="stable")
    stated, happened = (np.asarray(values, np.float64)[order] for values in (probabilities, outcomes))
    _, owners = np.unique(np.asarray(garments)[order], return_inverse=True)
    drawn = draw_garments(int(owners.max()) + 1)
    parts = np.array_split(np.arange(len(stated)), min(bins, len(stated)))
    made = tuple(Bin(float(stated[part].mean()), float(happened[part].mean()), len(part)) for part in parts)
    return Reliability(
        _error_of(stated - happened, owners, drawn, bins), _skill_of(stated, happened, owners, drawn), made
    )


def _error_of(gaps: Floats, owners: Places, drawn: Places, bins: int) -> Figure:
    """`gaps` (N,), stated less happened, by rising probability: repeated in place they stay in order."""
    errors = []
    for draw in drawn:
        times = np.bincount(draw, minlength=len(draw))
        errors.append(_mean_gap(np.repeat(gaps, times[owners]), bins))
    low, high = np.percentile(errors, (2.5, 97.5))
    return Figure(_mean_gap(gaps, bins), float(low), float(high), drawn.shape[1])


def _mean_gap(gaps: Floats, bins: int) -> float:
    """Bins as `np.array_split` cuts them: the first ones hold one more."""
    each, more = divmod(len(gaps), min(bins, len(gaps)))
    numbers = np.arange(min(bins, len(gaps)))
    return float(np.abs(np.add.reduceat(gaps, numbers * each + np.minimum(numbers, more))).sum() / len(gaps))


def _skill_of(stated: Floats, happened: Floats, owners: Places, drawn: Places) -> Figure:
    """A draw in which all had one outcome is left out."""
    if happened.all() or not happened.any():
        return NOTHING
    columns = [np.bincount(owners, weights=x) for x in (np.ones(len(stated)), happened, (stated - happened) ** 2)]
    whole = np.array([[column.sum()] for column in columns])
    value = _skills(whole)[0]
    skills = _skills(np.array([column[drawn].sum(axis=1) for column in columns]))
    low, high = np.percentile(skills, (2.5, 97.5))
    return Figure(float(value), float(low), float(high), drawn.shape[1])


def _skills(sums: Floats) -> Floats:
    """`sums` (3, R): pairs, pairs that came true and squared errors of each draw."""
    count, true, squares = sums[:, (sums[1] > 0) & (sums[1] < sums[0])]
    return np.asarray(1 - squares / (true * (1 - true / count)))
