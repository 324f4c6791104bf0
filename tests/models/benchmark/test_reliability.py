"""Stated probabilities beside what happened."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.benchmark.reliability import BINS, reliability_of

STATED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


@given(STATED)
def test_bins_hold_equally_many_and_all(pairs: list[tuple[float, bool]]) -> None:
    """Equal mass: no bin has two more than another; their stated means rise."""
    stated, happened = zip(*pairs, strict=True)
    found = reliability_of(stated, happened)
    counts = [one.count for one in found.bins]
    assert sum(counts) == len(pairs)
    assert max(counts) - min(counts) <= 1
    assert len(counts) == min(BINS, len(pairs))
    means = [one.stated for one in found.bins]
    assert means == pytest.approx(sorted(means))
    assert 0 <= found.error <= 1


def test_certainty_that_is_right_has_all_the_skill_and_no_error() -> None:
    """The best there is."""
    outcomes = [0.0] * 30 + [1.0] * 30
    found = reliability_of(outcomes, outcomes)
    assert (found.error, found.skill) == (0, 1)


def test_the_base_rate_has_no_skill() -> None:
    """Right on average, and useless."""
    found = reliability_of(np.full(40, 0.5), [0, 1] * 20)
    assert found.skill == pytest.approx(0)
    assert found.error == pytest.approx(0)


def test_twice_too_sure_is_an_error() -> None:
    """Said 0.8, happened 0.4."""
    found = reliability_of(np.full(50, 0.8), [1, 1, 0, 0, 0] * 10)
    assert found.error == pytest.approx(0.4)
    assert found.skill < 0
