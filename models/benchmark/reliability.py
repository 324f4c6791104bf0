"""Whether stated probabilities come true: a reliability diagram of equal-mass bins, ECE and Brier skill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """`count` probabilities of nearly one size: their mean, and the share that came true."""

    stated: float
    happened: float
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """`error` (ECE) 0..1, the bins' mean gap; `skill` (Brier) 1 for certainty, 0 for always stating the base rate."""

    error: float
    skill: float
    bins: tuple[Bin, ...]


def reliability_of(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike, bins: int = BINS) -> Reliability:
    """Of (N,) probabilities and what happened, N ≥ 1. Bins hold equally many, ± 1."""
    stated, happened = np.asarray(probabilities, np.float64), np.asarray(outcomes, np.float64)
    parts = [part for part in np.array_split(np.argsort(stated, kind="stable"), bins) if len(part)]
    made = tuple(Bin(float(stated[part].mean()), float(happened[part].mean()), len(part)) for part in parts)
    error = sum(abs(one.stated - one.happened) * one.count for one in made) / len(stated)
    base = ((happened.mean() - happened) ** 2).mean()
    skill = 1 - ((stated - happened) ** 2).mean() / base if base > 0 else float("nan")
    return Reliability(float(error), float(skill), made)
