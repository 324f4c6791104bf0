"""Scores to probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import PlattCurve, expected_calibration_error, fit_logistic, fit_platt
from models.errors import InvalidValue


def test_a_fitted_curve_finds_the_curve_that_made_the_data() -> None:
    """Ten thousand coin flips of a known logistic curve, as many of either outcome, give it back."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 10_000)
    truth = PlattCurve(12.0, -6.0)
    copied = rng.random(10_000) < [truth.probability(s) for s in scores]
    fitted = fit_platt(scores, copied)
    assert fitted.slope == pytest.approx(12, rel=0.1)
    assert fitted.score_at(0.5) == pytest.approx(6 / 12, abs=0.02)
    assert expected_calibration_error([fitted.probability(s) for s in scores], copied) < 0.02


def test_how_many_of_either_were_judged_does_not_matter() -> None:
    """A probability is that of a pair among as many copies as strangers, though five times as many copies were made."""
    rng = np.random.default_rng(3)
    copies, strangers = rng.normal(1, 1, 5000), rng.normal(-1, 1, 1000)
    fitted = fit_platt(np.concatenate([copies, strangers]), np.arange(6000) < 5000)
    assert fitted.score_at(0.5) == pytest.approx(0.0, abs=0.1)
    assert fitted.slope == pytest.approx(2.0, rel=0.1)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40))
def test_separable_scores_still_give_a_finite_rising_curve(seed: int, copies: int, others: int) -> None:
    """With few pairs nothing overlaps; the curve must not run away."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.uniform(0.8, 1, copies), rng.uniform(0, 0.5, others)])
    curve = fit_platt(scores, np.arange(copies + others) < copies)
    assert curve.probability(0.95) > curve.probability(0.2)


def test_one_outcome_alone_cannot_calibrate() -> None:
    """Only copies, or only strangers: no curve."""
    with pytest.raises(InvalidValue):
        fit_platt([0.1, 0.9], [True, True])


@given(st.floats(0.01, 0.99))
def test_the_score_at_a_probability_has_that_probability(probability: float) -> None:
    """Thresholds can be read either way."""
    curve = PlattCurve(9.0, -4.0)
    assert curve.probability(curve.score_at(probability)) == pytest.approx(probability)


def test_a_fitted_logistic_finds_the_slopes_that_made_the_data() -> None:
    """Two features of very different scales; both outcomes weigh alike, so only the offset moves with their shares."""
    rng = np.random.default_rng(1)
    design = np.column_stack([rng.normal(0, 1, 20_000), rng.normal(100, 30, 20_000)])
    happened = rng.random(20_000) < 1 / (1 + np.exp(-(1.5 * design[:, 0] - 0.05 * (design[:, 1] - 100))))
    slopes, offset = fit_logistic(design, happened, signs=[1, -1])
    assert slopes == pytest.approx([1.5, -0.05], rel=0.1)
    assert offset == pytest.approx(5.0, abs=0.5)


def test_a_slope_of_the_wrong_sign_is_none() -> None:
    """What should never speak for copying does not, whatever the data say; the other features carry on."""
    rng = np.random.default_rng(2)
    design = rng.normal(0, 1, (5000, 2))
    happened = rng.random(5000) < 1 / (1 + np.exp(-(2 * design[:, 0] + design[:, 1])))
    slopes, _ = fit_logistic(design, happened, signs=[1, -1])
    assert slopes[1] == 0
    assert slopes[0] > 1


def test_one_outcome_alone_fits_nothing() -> None:
    """Nobody would know what to tell it from."""
    with pytest.raises(InvalidValue):
        fit_logistic(np.zeros((3, 1)), [True] * 3, signs=[1])
