"""Average precision of boxes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.geometry import Box
from models.training.detector.average_precision import MarkedPhoto, judge_boxes
from models.training.detector.average_precision import average_precision as precision_of

TRUE = Box(0, 0, 100, 100)
ELSEWHERE = Box(200, 200, 300, 300)


def average_precision(photos: list[MarkedPhoto], least_overlap: float) -> float:
    return precision_of([judge_boxes(photo, least_overlap) for photo in photos])


def test_boxes_that_all_fit_have_the_full_precision() -> None:
    """One garment a photo, one box each."""
    assert average_precision([MarkedPhoto((TRUE,), ((TRUE, 0.9),))] * 3, 0.75) == 1.0


def test_a_sure_wrong_box_costs_more_than_an_unsure_one() -> None:
    """Half of what is seen first is wrong, or the last of three."""
    first = MarkedPhoto((TRUE,), ((ELSEWHERE, 0.9), (TRUE, 0.8)))
    last = MarkedPhoto((TRUE,), ((TRUE, 0.8), (ELSEWHERE, 0.7)))
    assert average_precision([first], 0.75) == 0.5
    assert average_precision([last], 0.75) == 1.0


def test_a_garment_is_found_once() -> None:
    """The second box on it is wrong; the garment that nobody found is missed."""
    twice = MarkedPhoto((TRUE, ELSEWHERE), ((TRUE, 0.9), (TRUE, 0.8)))
    assert average_precision([twice], 0.75) == pytest.approx(51 / 101)


def test_where_nothing_is_to_be_found_there_is_no_precision() -> None:
    """It is no number, and so enters no mean unseen."""
    assert math.isnan(average_precision([MarkedPhoto((), ((TRUE, 0.9),))], 0.5))
    assert average_precision([MarkedPhoto((TRUE,), ())], 0.5) == 0.0


@given(
    sure=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=8),
    hits=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_precision_is_a_share_and_wrong_boxes_never_raise_it(sure: list[float], hits: list[bool]) -> None:
    """Of photos with one garment and one box each, some of them elsewhere."""
    photos = [MarkedPhoto((TRUE,), ((TRUE if hit else ELSEWHERE, s),)) for s, hit in zip(sure, hits, strict=False)]
    disturbed = [MarkedPhoto(one.true, (*one.found, (Box(500, 500, 510, 510), 0.995))) for one in photos]
    assert 0 <= average_precision(disturbed, 0.75) <= average_precision(photos, 0.75) <= 1
