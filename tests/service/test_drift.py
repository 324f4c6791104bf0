"""The drift of best scores: nothing for the same photos, much for others, kept over a restart."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.drift import LEAST_BEFORE, RECENT, ScoreDrift, population_stability
from service.observability import Metrics

HOUR = 3600.0
COUNTS = st.lists(st.integers(0, 1000), min_size=14, max_size=14).map(np.array)


def scores(seed: int, count: int, mean: float) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, 0.12, size=count).clip(-1, 1))


def observe(drift: ScoreDrift, some: list[float]) -> None:
    for score in some:
        drift.observe(score)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(COUNTS, COUNTS)
def test_the_index_is_zero_for_equal_shares_and_never_below(
    one: np.ndarray[tuple[int], np.dtype[np.int64]], other: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    """And the same whichever way it is asked."""
    assert population_stability(one, one) == pytest.approx(0, abs=1e-9)
    assert population_stability(one, other) == pytest.approx(population_stability(other, one))
    assert population_stability(one, other) >= -1e-9


def test_the_index_of_two_bins_by_hand() -> None:
    """(0.75 − 0.25) · ln 3 + (0.25 − 0.75) · ln(1/3)."""
    many = 1_000_000
    assert population_stability(np.array([3 * many, many]), np.array([many, 3 * many])) == pytest.approx(
        math.log(3), abs=1e-5
    )


def test_the_same_kind_of_photos_does_not_drift_and_another_kind_does() -> None:
    """Nothing is said before there is enough to compare with."""
    drift = ScoreDrift()
    observe(drift, scores(1, RECENT + LEAST_BEFORE - 1, 0.5))
    assert math.isnan(drift.index)
    observe(drift, scores(2, 3000, 0.5))
    assert drift.index < 0.1
    observe(drift, scores(3, RECENT, 0.62))
    assert drift.index > 0.25


def test_what_lasts_for_a_week_is_the_new_rule() -> None:
    """Scores of more than a week ago are forgotten."""
    clock = Clock()
    drift = ScoreDrift(clock=clock)
    observe(drift, scores(1, 4000, 0.4))
    clock.now += 24 * HOUR
    observe(drift, scores(2, RECENT, 0.6))
    assert drift.index > 0.25
    for day in range(8):
        clock.now += 24 * HOUR
        observe(drift, scores(10 + day, 1000, 0.6))
    assert drift.index < 0.1


def test_a_restart_forgets_nothing_and_other_models_begin_anew(tmp_path: Path) -> None:
    """Their scores are another scale."""
    file = tmp_path / "best-scores.json"
    drift = ScoreDrift(file, "one")
    observe(drift, scores(1, 3000, 0.5))
    drift.save()
    assert ScoreDrift(file, "one").index == pytest.approx(drift.index)
    assert math.isnan(ScoreDrift(file, "another").index)


@pytest.mark.parametrize("content", ["", "[]", '{"models_version":"one","recent":[],"hours":{"1":[1,2]}}'])
def test_a_file_that_cannot_be_used_is_left_aside(tmp_path: Path, content: str) -> None:
    """A restart counts anew then."""
    file = tmp_path / "best-scores.json"
    file.write_text(content)
    assert math.isnan(ScoreDrift(file, "one").index)


def test_the_metric_follows_the_verdicts_that_are_given() -> None:
    """As what the alert asks for."""
    metrics, drift = Metrics(), ScoreDrift()
    metrics.follow_scores(drift)
    assert b"selvedge_score_drift NaN" in metrics.exposition()
    for score in scores(1, 3000, 0.5) + scores(2, RECENT, 0.8):
        metrics.verdict("clear", [score])
    assert f"selvedge_score_drift {drift.index}".encode() in metrics.exposition()
    assert drift.index > 0.25
