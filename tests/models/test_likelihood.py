"""What five regions say together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import InvalidValue
from models.likelihood import KNOTS, MOST_LOG_RATIO, RegionLikelihood, evidence_of

CURVE = RegionLikelihood(-6.0, (5.0, 0.0, 2.0, 4.0, 30.0), -1.0, -3.0)
cosines = arrays(np.float64, 5, elements=st.floats(-1, 1) | st.just(float("nan")))


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(-1, 1), st.floats(-1, 1))
def test_a_better_cosine_speaks_for_copying_and_a_background_against(
    cosine: float, gain: float, ours: float, theirs: float
) -> None:
    """Never the other way round, and never beyond the cap."""

    def ratio(cosine: float, ours: float, theirs: float) -> float:
        return float(CURVE.log_ratio(*(np.array(value) for value in (cosine, ours, theirs))))

    here = ratio(cosine, ours, theirs)
    assert ratio(min(1.0, cosine + gain), ours, theirs) >= here - 1e-9
    assert ratio(cosine, ours + gain, theirs) <= here + 1e-9
    assert ratio(cosine, ours, theirs + gain) <= here + 1e-9
    assert here <= MOST_LOG_RATIO


@given(cosines, st.integers(0, 4), st.floats(0, 5))
def test_evidence_rises_with_every_region_and_forgets_missing_ones(ratios: np.ndarray, row: int, gain: float) -> None:
    """A region that disagrees costs at most what an altered one may."""
    better = ratios.copy()
    better[row] += gain
    assert evidence_of(better, 0.25) >= evidence_of(ratios, 0.25) - 1e-9
    without = ratios.copy()
    without[row] = -50.0
    missing = ratios.copy()
    missing[row] = np.nan
    assert evidence_of(without, 0.25) == pytest.approx(evidence_of(missing, 0.25) + np.log(0.25))


def test_nothing_compared_is_no_evidence() -> None:
    """Neither for nor against."""
    assert evidence_of(np.full(5, np.nan), 0.25) == 0


@pytest.mark.parametrize(
    "change", [{"slopes": (1.0,)}, {"slopes": (-1.0, *[0.0] * len(KNOTS))}, {"our_background": 1.0}, {"offset": np.inf}]
)
def test_a_curve_that_falls_with_the_cosine_is_refused(change: dict[str, object]) -> None:
    """It would accuse the less alike."""
    fields = {"offset": 0.0, "slopes": (1.0, *[0.0] * len(KNOTS)), "our_background": 0.0, "their_background": 0.0}
    with pytest.raises(InvalidValue):
        RegionLikelihood(**(fields | change))
