"""What the benchmark reports: ranks, recall, average precision, and intervals by resampling garments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its 95 % bootstrap interval over `count` garments."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def rank_of(scores: Floats, wanted: int) -> int:
    """1-based rank of `wanted` among `scores` (G,); a tie counts against it."""
    return int((scores >= scores[wanted]).sum())


def recall_at(scores: Floats, relevant: Booleans, count: int = 20) -> float:
    """Share of the relevant that are among the best `count`, ties counting against them."""
    places = np.array([int((scores[~relevant] >= score).sum()) for score in scores[relevant]])
    order = np.sort(places) + np.arange(1, len(places) + 1)
    return float((order <= count).mean())


def average_precision(scores: Floats, relevant: Booleans) -> float:
    """Mean precision at each relevant entry (the paper's mAP is the mean of this over queries)."""
    ahead = np.sort([int((scores[~relevant] >= score).sum()) for score in scores[relevant]])
    found = np.arange(1, len(ahead) + 1)
    return float((found / (found + ahead)).mean())


def bootstrap(values: npt.ArrayLike, garments: npt.ArrayLike, seed: int = 2026) -> Figure:
    """Mean of `values` (N,), one garment's all drawn together; `garments` (N,) say whose they are."""
    x, names = np.asarray(values, dtype=np.float64), np.asarray(garments)
    if not len(x):
        return Figure(float("nan"), float("nan"), float("nan"), 0)
    _, place = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(place, weights=x), np.bincount(place).astype(np.float64)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Figure(float(x.mean()), float(low), float(high), len(sums))
