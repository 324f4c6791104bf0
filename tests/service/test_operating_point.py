"""How many strangers may be accused where thresholds are chosen."""

from hypothesis import given
from hypothesis import strategies as st

from service.operating_point import FALSE_ALARMS, most_accused


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
