"""From scores to probabilities: logistic curves fitted on judged pairs.

Source: J. Platt, "Probabilistic outputs for support vector machines" (1999), with its smoothed targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue

STEPS = 100
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlattCurve:
    """probability = 1 / (1 + exp(-(slope · score + offset)))."""

    slope: float
    offset: float

    def __post_init__(self) -> None:
        if not np.isfinite([self.slope, self.offset]).all() or self.slope <= 0:
            raise InvalidValue("a higher score must mean a higher probability")

    def probability(self, score: float) -> float:
        """0..1."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * score + self.offset, -60, 60))))

    def score_at(self, probability: float) -> float:
        """The score whose probability is `probability` (0 < p < 1)."""
        return float((np.log(probability / (1 - probability)) - self.offset) / self.slope)


def fit_platt(scores: npt.ArrayLike, copied: npt.ArrayLike) -> PlattCurve:
    """Fit by Newton's method; both outcomes weigh alike, however many of each were judged, so that a probability is
    that of one pair among as many copies as strangers. `scores` (N,) and `copied` bool (N,), both outcomes among them.

    Raises InvalidValue where an outcome is missing or the scores do not rise with it.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(copied, dtype=bool)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise InvalidValue("calibration needs pairs that are copies and pairs that are not")
    targets = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weights = np.where(y, 0.5 / positives, 0.5 / negatives) * len(y)
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    beta = _newton(((x - centre) / spread)[:, None], targets, weights, ridge=1e-6)
    slope = float(beta[0]) / spread
    return PlattCurve(slope, float(beta[1]) - slope * centre)


def fit_logistic(
    design: npt.ArrayLike, outcomes: npt.ArrayLike, signs: Sequence[int], ridge: float = 1e-3
) -> tuple[Floats, float]:
    """Slopes (F,) and offset of a logistic curve whose slopes may not have the wrong sign; both outcomes weigh alike.

    `design` (N, F); `signs` +1 (never falls) or -1 (never rises). A slope that would break its sign is 0.
    Raises InvalidValue where an outcome is missing.
    """
    x, y = np.asarray(design, dtype=np.float64), np.asarray(outcomes, dtype=bool)
    if not y.any() or y.all():
        raise InvalidValue("a curve needs examples of both outcomes")
    weights = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum()) * len(y)
    centre, spread = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    scaled = (x - centre) / spread
    slopes = np.zeros(x.shape[1])
    free = list(range(x.shape[1]))
    while True:
        beta = _newton(scaled[:, free], y.astype(np.float64), weights, ridge * len(y))
        broken = [(beta[at] * signs[column], column) for at, column in enumerate(free) if beta[at] * signs[column] < 0]
        if not broken:
            break
        free.remove(min(broken)[1])
    slopes[free] = beta[:-1] / spread[free]
    return slopes, float(beta[-1] - slopes @ centre)


def _newton(design: Floats, targets: Floats, weights: Floats, ridge: float) -> Floats:
    """Damped Newton steps to the least cross entropy; (F + 1,): slopes, then the offset, which no ridge pulls."""
    full = np.column_stack([design, np.ones(len(design))])
    pull = ridge * np.append(np.ones(design.shape[1]), 0.0)
    share = float((weights * targets).sum() / weights.sum())
    beta = np.append(np.zeros(design.shape[1]), np.log(share / (1 - share)))

    def loss(at: Floats) -> float:
        return float((weights * (np.logaddexp(0, full @ at) - targets * (full @ at))).sum() + 0.5 * pull @ at**2)

    for _ in range(STEPS):
        p = _logistic(full @ beta)
        gradient = full.T @ (weights * (p - targets)) + pull * beta
        # The small diagonal keeps the step finite where the outcomes are almost separable.
        curvature = full.T @ (full * (weights * p * (1 - p))[:, None]) + np.diag(pull + 1e-6)
        step = np.linalg.solve(curvature, gradient)
        while loss(beta - step) > loss(beta) and np.abs(step).max() > 1e-9:
            step /= 2
        beta = beta - step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(beta)


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


def expected_calibration_error(probabilities: npt.ArrayLike, copied: npt.ArrayLike, bins: int = 10) -> float:
    """ECE: how far stated probabilities are from what happened, averaged over equal-width bins, 0..1."""
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(copied, dtype=np.float64)
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [
        abs(p[which == b].mean() - y[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))
