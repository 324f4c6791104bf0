"""Ranks, precision and intervals: ties are misses, garments are drawn whole."""

import numpy as np
import pytest

from models.benchmark.metrics import average_precision, bootstrap, rank_of, recall_at


def test_an_embedder_that_says_the_same_of_everything_finds_nothing() -> None:
    """A tie counts against the wanted."""
    same = np.ones(50)
    assert rank_of(same, 3) == 50
    assert recall_at(same, np.arange(50) < 4) == 0


def test_average_precision_follows_its_definition() -> None:
    """Relevant at ranks 1 and 3: (1/1 + 2/3) / 2."""
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])) == pytest.approx(
        5 / 6
    )


def test_recall_counts_the_relevant_among_the_best() -> None:
    """Two of four within the best three."""
    scores = np.array([9.0, 8, 7, 6, 5, 4])
    assert recall_at(scores, np.array([True, False, True, False, True, True]), 3) == 0.5


def test_copies_of_one_garment_are_no_further_evidence() -> None:
    """Repeating every value leaves the interval and n as they were."""
    values, names = np.array([0.0, 1, 1, 1, 0, 1]), np.arange(6)
    once, thrice = bootstrap(values, names), bootstrap(np.repeat(values, 3), np.repeat(names, 3))
    assert (once.low, once.high, once.count) == pytest.approx((thrice.low, thrice.high, thrice.count))
    assert once.low < once.value < once.high
