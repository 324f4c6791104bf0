"""Whether the best scores of checks still look as they did over the last week: the population stability index.

PSI = Σ (p − q) · ln(p / q) over bins of the score; 0 for equal shares. By the usual reading below 0.1 nothing moved,
above 0.25 much did. Source: Siddiqi, Credit Risk Scorecards (2006).
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log = structlog.get_logger()

EDGES = tuple(step / 10 for step in range(-2, 11))
"""Of the bins between, below and above."""
RECENT = 500
"""Scores that are compared with those of the week before them."""
LEAST_BEFORE = 1_000
"""Fewer say nothing of a week; by chance alone the index is then about (bins − 1) · (1/500 + 1/1000) = 0.04."""
_HOURS = 7 * 24
_HOUR_S = 3600
_SAVE_EVERY_S = 300.0
Counts = npt.NDArray[np.int64]


class _Saved(BaseModel):
    """What is kept over a restart: scores of other models are another scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models_version: str
    recent: list[float] = Field(max_length=RECENT)
    hours: dict[int, list[int]]


class ScoreDrift:
    """Counts in memory, kept in a small file; may be used from any thread. A file that cannot be used is left aside."""

    def __init__(
        self, file: Path | None = None, models_version: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._file = file
        self._models_version = models_version
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._hours: dict[int, Counts] = {}
        self._saved_at = clock()
        self._load()

    def observe(self, score: float) -> None:
        """The best score of a checked garment; the oldest of the recent ones becomes part of the week before."""
        with self._lock:
            self._recent.append(score)
            if len(self._recent) > RECENT:
                hour = int(self._clock() // _HOUR_S)
                counts = self._hours.setdefault(hour, np.zeros(len(EDGES) + 1, dtype=np.int64))
                counts[_bin(self._recent.popleft())] += 1
                for old in [old for old in self._hours if old <= hour - _HOURS]:
                    del self._hours[old]
            due = self._clock() - self._saved_at > _SAVE_EVERY_S
        if due:
            self.save()

    @property
    def index(self) -> float:
        """The population stability index; NaN while there are too few scores to say anything."""
        with self._lock:
            before = sum(self._hours.values(), np.zeros(len(EDGES) + 1, dtype=np.int64))
            if len(self._recent) < RECENT or before.sum() < LEAST_BEFORE:
                return math.nan
            now = np.bincount([_bin(score) for score in self._recent], minlength=len(EDGES) + 1)
        return population_stability(now, before)

    def save(self) -> None:
        """To the file, as a whole or not at all; a disk that refuses is only told of."""
        if self._file is None:
            return
        with self._lock:
            self._saved_at = self._clock()
            hours = {hour: counts.tolist() for hour, counts in self._hours.items()}
            saved = _Saved(models_version=self._models_version, recent=list(self._recent), hours=hours)
            try:
                unfinished = self._file.with_suffix(".unfinished")
                unfinished.write_text(saved.model_dump_json())
                unfinished.replace(self._file)
            except OSError as error:
                log.warning("scores_not_kept", error=str(error))

    def _load(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            saved = _Saved.model_validate_json(self._file.read_text())
            hours = {hour: np.array(counts, dtype=np.int64) for hour, counts in saved.hours.items()}
            if any(len(counts) != len(EDGES) + 1 for counts in hours.values()):
                raise ValueError("other bins")
        except (OSError, ValueError, ValidationError) as error:
            log.warning("scores_not_read", file=str(self._file), error=str(error))
            return
        if saved.models_version == self._models_version:
            self._recent, self._hours = deque(saved.recent), hours


def population_stability(now: Counts, before: Counts) -> float:
    """Of two histograms over the same bins; half a score more in each bin, so that an empty one is no infinity."""
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (now, before))
    return float(np.sum((p - q) * np.log(p / q)))


def _bin(score: float) -> int:
    return int(np.searchsorted(EDGES, score, side="right"))
