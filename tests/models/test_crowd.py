"""Who looks like many is the copy of none of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.crowd import Crowd, crowd_of, others_of
from models.errors import InvalidValue

EVIDENCE = st.lists(st.floats(-20, 30), max_size=25)
CROWD = Crowd(level=-5.0, most=4.0)


def test_the_crowd_begins_behind_the_best_of_the_others() -> None:
    """The design may be registered twice; three of the rest are counted, in whatever order they come."""
    assert crowd_of([1.0, 9.0, -2.0, -3.0, 4.0]) == pytest.approx((4 + 1 - 2) / 3)
    assert crowd_of([9.0, 4.0]) == 4.0


def test_an_item_that_was_found_twice_is_one_of_the_others_once_and_never_its_own() -> None:
    """By its regions and by its print: its best counts."""
    assert others_of(["a", "b", "a"], [1.0, 5.0, 3.0]) == [[5.0], [3.0], [5.0]]


@pytest.mark.parametrize("others", [[], [12.0]])
def test_two_items_are_no_crowd(others: list[float]) -> None:
    """In a catalogue of one or two designs nothing is charged."""
    assert crowd_of(others) == -math.inf
    assert CROWD.charge(others) == 0


@given(others=EVIDENCE)
def test_a_charge_stays_within_its_limits(others: list[float]) -> None:
    """However alike the others are: a design registered in ten colours is still found."""
    assert 0 <= CROWD.charge(others) <= CROWD.most


@given(others=EVIDENCE.filter(lambda drawn: len(drawn) > 4), place=st.integers(0, 24), rise=st.floats(0, 20))
def test_a_charge_never_falls_when_another_item_becomes_more_alike(
    others: list[float], place: int, rise: float
) -> None:
    """Nor does it change with the order."""
    risen = others.copy()
    risen[place % len(others)] += rise
    assert CROWD.charge(risen) >= CROWD.charge(others) - 1e-9
    assert CROWD.charge(others[::-1]) == CROWD.charge(others)


@pytest.mark.parametrize(("level", "most"), [(math.nan, 4.0), (-5.0, -1.0), (-5.0, math.inf)])
def test_a_crowd_without_limits_is_refused(level: float, most: float) -> None:
    """It would charge everything or nothing."""
    with pytest.raises(InvalidValue):
        Crowd(level, most)
