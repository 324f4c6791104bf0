"""From a score to a probability: a logistic curve fitted on judged pairs.

Source: J. Platt, "Probabilistic outputs for support vector machines" (1999), with its smoothed targets.
"""

from __future__ import annotations

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
    """Fit by Newton's method. `scores` (N,) and `copied` bool (N,), both outcomes among them.

    Raises InvalidValue where an outcome is missing or the scores do not rise with it.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(copied, dtype=bool)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise InvalidValue("calibration needs pairs that are copies and pairs that are not")
    targets = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.stack([(x - centre) / spread, np.ones_like(x)], axis=1)
    beta = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(STEPS):
        p = _logistic(design @ beta)
        gradient = design.T @ (p - targets)
        # The ridge keeps the step finite where the outcomes are almost separable.
        step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2), gradient)
        while _loss(design @ (beta - step), targets) > _loss(design @ beta, targets) and np.abs(step).max() > 1e-9:
            step /= 2
        beta -= step
        if np.abs(step).max() < 1e-9:
            break
    slope = float(beta[0]) / spread
    return PlattCurve(slope, float(beta[1]) - slope * centre)


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


def _loss(values: Floats, targets: Floats) -> float:
    """Cross entropy, summed."""
    return float((np.logaddexp(0, values) - targets * values).sum())


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
