"""How many strangers may be accused where thresholds are chosen, and which copies count as found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.evidence import CANDIDATES, Evidence
from models.taxonomy import REGIONS
from service.operating_point import FALSE_ALARMS, OperatingPoint, most_accused, operate
from service.standing import answered
from tests.service.test_calibration import SHIPPED, WEIGHTS, made_evidence

LIMITS = dict.fromkeys(REGIONS, 0.6)


@given(st.integers(99, 10**6))
def test_a_further_photo_is_expected_to_be_accused_as_seldom_as_allowed(photos: int) -> None:
    """One that is accused more here would break the bound, one less would find fewer copies for nothing."""
    allowed = most_accused(photos)
    assert (allowed + 1) / (photos + 1) <= FALSE_ALARMS + 1e-12
    assert (allowed + 2) / (photos + 1) > FALSE_ALARMS - 1e-12


@given(st.integers(0, 198))
def test_few_photos_allow_none_to_be_accused(photos: int) -> None:
    """One accused of so few is no evidence of one in a hundred."""
    assert most_accused(photos) == 0


def operated(evidence: Evidence, probabilities: np.ndarray, known: np.ndarray) -> OperatingPoint:
    return operate(evidence, probabilities, LIMITS, 0.0, WEIGHTS, SHIPPED, known)


def test_strangers_that_no_threshold_spares_are_told() -> None:
    """Not that none was accused: the report says what these photos suffered."""
    evidence = made_evidence(overlap=0.5)
    point = operated(evidence, np.ones(len(evidence.query)), np.ones(len(evidence.query), bool))
    assert point.accused > FALSE_ALARMS
    assert point.found > 0.5


def test_a_copy_whose_original_was_not_answered_is_not_found() -> None:
    """However sure a verdict on it would be: nobody gives one."""
    evidence = made_evidence()
    sure = np.where(evidence.original, 0.9, 0.1)
    assert operated(evidence, sure, np.ones(len(sure), bool)).found == 1.0
    half = ~evidence.original | (np.arange(len(sure)) % 2 == 0)
    assert operated(evidence, sure, half).found == 0.5


def test_an_original_beyond_the_candidates_is_in_no_answer() -> None:
    """It is kept as the last row of its query, for the sake of its regions, and would stand first."""
    one = made_evidence(copies=1, strangers=0)
    many = made_evidence(copies=0, strangers=CANDIDATES)
    rows = Evidence(**{name: np.concatenate([getattr(many, name), getattr(one, name)]) for name in Evidence.__slots__})
    asked = Evidence(
        **{name: getattr(rows, name) for name in Evidence.__slots__ if name != "query"},
        query=np.zeros(CANDIDATES + 1, np.int32),
    )
    standing = np.arange(CANDIDATES + 1.0)
    assert not answered(asked, standing)[-1]
    assert np.flatnonzero(answered(asked, standing)).tolist() == list(range(CANDIDATES - 20, CANDIDATES))
    assert answered(asked.where(np.arange(CANDIDATES + 1) > 0), standing[1:])[-1]
