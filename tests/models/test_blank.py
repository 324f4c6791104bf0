"""Many prints on one blank are many designs; what agrees is the blank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.blank import LEAST_DESIGNS, Opinion, alike_regions, share_a_blank

ANOTHER_PRINT: list[Opinion] = [True, False, True, True, True]


def apart(count: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]:
    """Designs that agree with each other everywhere but on the chest."""
    alike = np.ones((count, count, 5), dtype=np.bool_)
    alike[:, :, 1] = np.eye(count, dtype=np.bool_)
    return alike


@pytest.mark.parametrize("count", range(1, 6))
def test_from_three_designs_on_it_a_blank_is_one(count: int) -> None:
    """One design that agrees so may be copied and its print replaced; two may be two colourways of the print."""
    told = share_a_blank(range(count), [ANOTHER_PRINT] * count, apart(count))
    assert told == [count >= LEAST_DESIGNS] * count


def test_one_design_in_many_colours_is_no_blank() -> None:
    """They agree with each other on the chest too; nor is one item that was found often."""
    alike = np.ones((5, 5, 5), dtype=np.bool_)
    assert share_a_blank(range(5), [ANOTHER_PRINT] * 5, alike) == [False] * 5
    assert share_a_blank([7] * 5, [ANOTHER_PRINT] * 5, apart(5)) == [False] * 5


def test_who_agrees_with_one_print_copies_it() -> None:
    """The print's own item agrees everywhere, and the others on the blank do not make it less."""
    opinions = [[True] * 5, *[ANOTHER_PRINT] * 4]
    assert share_a_blank(range(5), opinions, apart(5))[0] is False


def test_garments_that_agree_elsewhere_are_no_family() -> None:
    """Each shares other regions with the query."""
    opinions: list[list[Opinion]] = [[at != other for at in range(5)] for other in range(5)]
    assert share_a_blank(range(5), opinions, apart(5)) == [False] * 5


def test_what_all_of_the_family_have_and_the_query_has_not_was_altered() -> None:
    """Prints differ from each other, the waist does not: it is the query that has another one."""
    opinions: list[list[Opinion]] = [[True, False, False, True, True]] * 4
    assert share_a_blank(range(4), opinions, apart(4)) == [False] * 4


OPINIONS = st.lists(st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5), max_size=8)


@given(opinions=OPINIONS, seed=st.integers(0, 99))
def test_nothing_is_a_blank_without_enough_designs_that_differ_there(opinions: list[list[Opinion]], seed: int) -> None:
    """And a match in which nothing was altered never is."""
    alike = np.random.default_rng(seed).random((len(opinions), len(opinions), 5)) < 0.5
    told = share_a_blank(range(len(opinions)), opinions, alike)
    assert len(told) == len(opinions)
    for opinion, blank in zip(opinions, told, strict=True):
        assert not blank or (False in opinion and len(opinions) >= LEAST_DESIGNS)


def test_regions_are_alike_from_the_cosine_that_the_policy_asks_for() -> None:
    """A region that is missing is alike to nothing."""
    vectors = np.zeros((2, 5, 4), dtype=np.float32)
    vectors[:, :4, 0] = 1
    vectors[1, 1] = (0, 1, 0, 0)
    assert alike_regions(vectors, [0.5] * 5)[0, 1].tolist() == [True, False, True, True, False]
