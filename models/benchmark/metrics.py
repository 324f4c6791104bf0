"""What the benchmark reports: recall and precision from ranks, and means with intervals by resampling garments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with its 95 % bootstrap interval over `count` garments; NaN where there is nothing to measure."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.count else "–"

    @property
    def beyond_chance(self) -> bool:
        """Of a difference: whether its interval leaves out zero."""
        return self.low > 0 or self.high < 0


NOTHING = Figure(float("nan"), float("nan"), float("nan"), 0)


def recall_of(places: npt.ArrayLike, count: int = 20) -> float:
    """Share of the relevant entries that are among the best `count`; `places` (N,) are their 1-based ranks."""
    return float((np.asarray(places) <= count).mean())


def average_precision_of(places: npt.ArrayLike) -> float:
    """Mean precision at each relevant entry (the paper's mAP is the mean of this over queries)."""
    order = np.sort(np.asarray(places, dtype=np.float64))
    return float((np.arange(1, len(order) + 1) / order).mean())


def bootstrap(values: npt.ArrayLike, garments: npt.ArrayLike, seed: int = 2026) -> Figure:
    """Mean of `values` (N,), one garment's all drawn together; `garments` (N,) say whose they are."""
    x, names = np.asarray(values, dtype=np.float64), np.asarray(garments)
    if not len(x):
        return NOTHING
    _, place = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(place, weights=x), np.bincount(place).astype(np.float64)
    drawn = draw_garments(len(sums), seed)
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Figure(float(x.mean()), float(low), float(high), len(sums))


def balanced_accuracy(said: npt.ArrayLike, true: npt.ArrayLike, garments: npt.ArrayLike, seed: int = 2026) -> Figure:
    """Mean of the shares right among true and among false, all (N,); a draw without one of them is left out."""
    right = np.asarray(said, dtype=bool) == np.asarray(true, dtype=bool)
    holds = np.asarray(true, dtype=bool)
    if not holds.any() or holds.all():
        return NOTHING
    _, place = np.unique(np.asarray(garments), return_inverse=True)
    counts = [np.bincount(place[of], minlength=place.max() + 1).astype(float) for of in (holds, ~holds)]
    hits = [np.bincount(place[of & right], minlength=place.max() + 1).astype(float) for of in (holds, ~holds)]
    drawn = draw_garments(len(counts[0]), seed)
    totals = [count[drawn].sum(axis=1) for count in counts]
    usable = (totals[0] > 0) & (totals[1] > 0)
    shares = [hit[drawn].sum(axis=1)[usable] / total[usable] for hit, total in zip(hits, totals, strict=True)]
    low, high = np.percentile((shares[0] + shares[1]) / 2, (2.5, 97.5))
    value = (right[holds].mean() + right[~holds].mean()) / 2
    return Figure(float(value), float(low), float(high), len(counts[0]))


def draw_garments(count: int, seed: int = 2026) -> npt.NDArray[np.int64]:
    """Numbers of `count` garments drawn with replacement, int64 (RESAMPLES, count): a draw a row."""
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
