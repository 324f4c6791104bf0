"""Recall, precision and intervals from ranks: bounds that always hold, and garments drawn whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.benchmark.metrics import (
    NOTHING,
    average_precision_of,
    balanced_accuracy,
    bootstrap,
    recall_of,
)

RANKS = st.lists(st.integers(1, 300), min_size=1, max_size=8, unique=True)
JUDGED = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=60)


def test_average_precision_follows_its_definition() -> None:
    """Relevant at ranks 1 and 3: (1/1 + 2/3) / 2."""
    assert average_precision_of([3, 1]) == pytest.approx(5 / 6)


@given(RANKS)
def test_figures_stay_between_nothing_and_all(ranks: list[int]) -> None:
    """All found first is 1, and nothing is ever better."""
    assert 0 < average_precision_of(ranks) <= average_precision_of(np.arange(len(ranks)) + 1) == 1
    assert 0 <= recall_of(ranks) <= 1


@given(RANKS, st.integers(0, 7))
def test_a_copy_that_climbs_never_lowers_a_figure(ranks: list[int], which: int) -> None:
    """To a rank that nothing else holds."""
    better = sorted(ranks)
    which %= len(better)
    free = better[which - 1] + 1 if which else 1
    before = average_precision_of(better), recall_of(better)
    better[which] = min(better[which], free)
    assert average_precision_of(better) >= before[0]
    assert recall_of(better) >= before[1]


@given(RANKS)
def test_recall_grows_with_how_many_are_looked_at(ranks: list[int]) -> None:
    """From none to all."""
    shares = [recall_of(ranks, count) for count in (0, 1, 20, 300)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_copies_of_one_garment_are_no_further_evidence() -> None:
    """Repeating every value leaves the interval and n as they were."""
    values, names = np.array([0.0, 1, 1, 1, 0, 1]), np.arange(6)
    once, thrice = bootstrap(values, names), bootstrap(np.repeat(values, 3), np.repeat(names, 3))
    assert (once.low, once.high, once.count) == pytest.approx((thrice.low, thrice.high, thrice.count))
    assert once.low < once.value < once.high


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_an_interval_lies_within_what_was_seen(values: list[float]) -> None:
    """A mean of some of the values is one of them or between two."""
    figure = bootstrap(values, np.arange(len(values)))
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9


@given(st.floats(0.01, 1), st.integers(1, 20))
def test_a_gain_on_every_garment_is_beyond_chance(gain: float, garments: int) -> None:
    """And no gain is not."""
    assert bootstrap([gain] * garments, np.arange(garments)).beyond_chance
    assert not bootstrap([0.0] * garments, np.arange(garments)).beyond_chance


def test_nothing_to_measure_is_no_figure() -> None:
    """Printed as a dash, never as a number."""
    assert bootstrap([], []) == NOTHING
    assert str(NOTHING) == "–"


@given(JUDGED)
def test_balanced_accuracy_is_the_mean_of_both_shares(judged: list[tuple[bool, bool, int]]) -> None:
    """However few are true; without one of both there is none."""
    said, true, garments = (list(column) for column in zip(*judged, strict=True))
    figure = balanced_accuracy(said, true, garments)
    if len(set(true)) < 2:
        assert figure == NOTHING
        return
    shares = [
        np.mean([one is wanted for one, holds in zip(said, true, strict=True) if holds is wanted])
        for wanted in (True, False)
    ]
    assert figure.value == pytest.approx(np.mean(shares))
    assert 0 <= figure.low <= figure.high <= 1


def test_calling_everything_altered_is_worth_a_half() -> None:
    """However rare the unaltered are."""
    figure = balanced_accuracy([True] * 10, [True] * 9 + [False], range(10))
    assert (figure.value, figure.low, figure.high) == (0.5, 0.5, 0.5)
