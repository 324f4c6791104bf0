"""Stated probabilities beside what happened."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.benchmark.metrics import NOTHING
from models.benchmark.reliability import BINS, reliability_of

STATED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


@given(STATED)
def test_bins_hold_equally_many_and_all(pairs: list[tuple[float, bool]]) -> None:
    """Equal mass: no bin has two more than another; their stated means rise."""
    stated, happened = zip(*pairs, strict=True)
    found = reliability_of(stated, happened, np.arange(len(pairs)) // 2)
    counts = [one.count for one in found.bins]
    assert sum(counts) == len(pairs)
    assert max(counts) - min(counts) <= 1
    assert len(counts) == min(BINS, len(pairs))
    means = [one.stated for one in found.bins]
    assert means == pytest.approx(sorted(means))
    gaps = [abs(one.stated - one.happened) * one.count for one in found.bins]
    assert found.error.value == pytest.approx(sum(gaps) / len(pairs))
    assert 0 <= found.error.low <= found.error.high <= 1 + 1e-9
    assert found.error.count == (len(pairs) + 1) // 2


def test_certainty_that_is_right_has_all_the_skill_and_no_error() -> None:
    """The best there is."""
    outcomes = [0.0] * 30 + [1.0] * 30
    found = reliability_of(outcomes, outcomes, range(60))
    for figure, value in ((found.error, 0), (found.skill, 1)):
        assert (figure.low, figure.value, figure.high) == (value, value, value)


def test_the_base_rate_has_no_skill() -> None:
    """Right on average, and useless."""
    found = reliability_of(np.full(40, 0.5), [0, 1] * 20, range(40))
    assert found.skill.value == pytest.approx(0)
    assert found.error.value == pytest.approx(0)


def test_twice_too_sure_is_an_error() -> None:
    """Said 0.8, happened 0.4."""
    found = reliability_of(np.full(50, 0.8), [1, 1, 0, 0, 0] * 10, range(50))
    assert found.error.value == pytest.approx(0.4)
    assert found.skill.value < 0


def test_skill_is_what_squared_errors_spare_of_those_of_the_base_rate() -> None:
    """Brier's score by its definition, whatever the order of the pairs."""
    stated, happened = judged(50)
    score, base = ((stated - happened) ** 2).mean(), ((happened.mean() - happened) ** 2).mean()
    assert reliability_of(stated, happened, range(50)).skill.value == pytest.approx(1 - score / base)


def judged(count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Probabilities that come true a little more often than they say."""
    rng = np.random.default_rng(1)
    stated = rng.random(count)
    return stated, rng.random(count) < np.sqrt(stated)


def test_pairs_of_one_garment_are_no_further_evidence() -> None:
    """Asked with three times each, forty garments leave both intervals as wide as they were, and n."""
    stated, happened = judged(40)
    once = reliability_of(stated, happened, range(40))
    thrice = reliability_of(*(np.repeat(values, 3) for values in (stated, happened, np.arange(40))))
    for first, then in ((once.error, thrice.error), (once.skill, thrice.skill)):
        assert (then.low, then.value, then.high, then.count) == pytest.approx((first.low, first.value, first.high, 40))
        assert first.low < first.value < first.high


def test_pairs_of_one_garment_are_drawn_together() -> None:
    """Where all are of one garment every draw is the same."""
    stated, happened = judged(40)
    one = reliability_of(stated, happened, ["a"] * 40)
    for figure in (one.error, one.skill):
        assert (figure.low, figure.high) == pytest.approx((figure.value, figure.value))
        assert figure.count == 1


def test_the_same_pairs_have_the_same_interval() -> None:
    """The seed is fixed, and in which order the pairs come changes nothing."""
    stated, happened = judged(60)
    back = reliability_of(stated[::-1], happened[::-1], np.arange(60)[::-1] // 3)
    first, then = reliability_of(stated, happened, np.arange(60) // 3), back
    assert (then.error.low, then.error.high) == pytest.approx((first.error.low, first.error.high))
    assert (then.skill.low, then.skill.high) == pytest.approx((first.skill.low, first.skill.high))


def test_where_all_had_one_outcome_there_is_no_skill_to_measure() -> None:
    """The base rate is certain already; the error is measured all the same."""
    found = reliability_of([0.1, 0.3], [0, 0], ["a", "b"])
    assert found.skill == NOTHING
    assert found.error.value == pytest.approx(0.2)
