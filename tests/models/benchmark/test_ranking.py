"""Ranks both ways, against a loop that follows the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.benchmark.embeddings import score_all
from models.benchmark.ranking import Ranking, Trial, equal_weights, rank
from models.benchmark.table import ALL, by_edit, gain_of, lines_of
from models.weighting import RegionWeights
from tests.models.benchmark.made_rows import along, at_random

EQUAL = RegionWeights.equal().values
GROUPS = {"a": "t_shirt", "b": "t_shirt", "c": "dress"}


def trial_of(seed: int) -> Trial:
    return Trial(
        at_random(["a", "b", "c"], seed),
        at_random(["a", "a", "b", "c", "c", "c"], seed + 1),
        at_random(["s"] * 7, seed + 2),
        GROUPS,
        0.35,
    )


@given(st.integers(0, 10_000))
def test_ranks_follow_their_definition(seed: int) -> None:
    """A copy stands behind its better siblings and every stranger that is no worse; an original likewise."""
    trial = trial_of(seed)
    found = rank(trial, equal_weights())
    for row, owner in enumerate(trial.copies.owners.tolist()):
        place = trial.originals.owners.tolist().index(owner)
        asked = trial.originals.where(np.array([place]))
        own = np.flatnonzero(trial.copies.owners == owner)
        scores = score_all(asked, trial.copies.where(own), EQUAL[None], 0.35)[0]
        others = score_all(asked, trial.distractors, EQUAL[None], 0.35)[0]
        mine = scores[own.tolist().index(row)]
        ahead = int((others >= mine).sum())
        assert ahead + 1 <= found.of_copy[row] <= ahead + int((scores >= mine).sum())
        copy = trial.copies.where(np.array([row]))
        registered = score_all(copy, trial.originals, EQUAL[None], 0.35)[0]
        strangers = score_all(copy, trial.distractors, EQUAL[None], 0.35)[0]
        wanted = registered[place]
        assert found.of_original[row] == (registered >= wanted).sum() + (strangers >= wanted).sum()


@given(st.integers(0, 10_000))
def test_the_copies_of_a_garment_have_ranks_of_their_own(seed: int) -> None:
    """No two of them share one, so recall at 20 of four copies can be 1."""
    found = rank(trial_of(seed), equal_weights())
    for owner in "abc":
        places = found.of_copy[found.owners == owner]
        assert len(set(places.tolist())) == len(places)


@given(st.integers(0, 10_000))
def test_a_denser_crowd_never_helps(seed: int) -> None:
    """Counting each stranger twice is as if there were as many again."""
    trial = trial_of(seed)
    once, twice = rank(trial, equal_weights()), rank(trial, equal_weights(), np.full(7, 2.0))
    assert (twice.of_copy >= once.of_copy).all()
    assert (twice.of_original >= once.of_original).all()
    assert (twice.of_original - once.of_original <= 7).all()


def test_an_embedder_that_says_the_same_of_everything_finds_nothing() -> None:
    """A tie counts against the wanted."""
    found = rank(
        Trial(along(["a"], [0]), along(["a"], [0]), along(["s"] * 30, [0] * 30), GROUPS, 0.35), equal_weights()
    )
    assert (found.of_copy[0], found.of_original[0]) == (31, 31)


def test_a_photo_without_a_garment_is_found_by_nobody() -> None:
    """Its zero rows compare with nothing, and stand last."""
    nothing = along(["a"], [0])
    nothing.vectors[:] = 0
    found = rank(Trial(along(["a"], [0]), nothing, along(["s"], [5]), GROUPS, 0.35), equal_weights())
    assert found.of_copy[0] == 2
    assert found.of_original[0] == 2


def test_found_copies_count_in_every_figure() -> None:
    """Each copy equals its original and no stranger does; the copy of b was seen as a stranger."""
    trial = Trial(along(["a", "b"], [0, 1]), along(["a", "b"], [0, 5]), along(["s"], [5]), GROUPS, 0.35)
    line = lines_of("pooled", rank(trial, equal_weights()))[0]
    assert line.group == ALL
    assert line.figures["top-1"].value == 0.5
    assert line.figures["mAP"].value == pytest.approx((1 + 0.5) / 2)


def ranking(places: list[float]) -> Ranking:
    """Two copies of each of a, b and c."""
    owners = np.array(["a", "a", "b", "b", "c", "c"])
    return Ranking(owners, np.array([GROUPS[one] for one in owners]), np.array(places), np.array(places))


def test_lines_tell_the_categories_apart() -> None:
    """All first, then each weight group by itself."""
    lines = lines_of("m", ranking([1, 2, 1, 2, 40, 50]))
    assert [(line.group, line.figures["recall@20"].value) for line in lines] == [
        (ALL, pytest.approx(2 / 3)),
        ("dress", 0),
        ("t_shirt", 1),
    ]


@given(st.permutations([1.0, 2.0, 3.0, 21.0, 22.0, 90.0]), st.permutations([1.0, 2.0, 3.0, 21.0, 22.0, 90.0]))
def test_a_gain_is_the_difference_of_the_two_rows(first: list[float], second: list[float]) -> None:
    """And what one gains the other loses."""
    ours, theirs = ranking(first), ranking(second)
    gain = gain_of("?", ("ours", ours), ("theirs", theirs))
    back = gain_of("?", ("theirs", theirs), ("ours", ours))
    rows = lines_of("", ours)[0].figures, lines_of("", theirs)[0].figures
    for name, figure in gain.figures.items():
        assert figure.value == pytest.approx(rows[0][name].value - rows[1][name].value)
        assert figure.value == pytest.approx(-back.figures[name].value)


def test_a_copy_with_two_edits_counts_under_both() -> None:
    """The most frequent edit comes first."""
    lines = by_edit([("band", "cuff"), ("cuff",), ()], np.array(["a", "b", "c"]), {"top-1": [True, False, True]})
    assert [(line.edit, line.copies, line.figures["top-1"].value) for line in lines] == [
        ("cuff", 2, 0.5),
        ("band", 1, 1.0),
    ]


def test_an_edit_is_measured_over_garments_and_not_over_copies() -> None:
    """Four copies of one garment say what one says: every draw of garments is the same; of four garments it is not."""
    found = {"top-1": [True, False, True, False]}
    (of_one,) = by_edit([("cuff",)] * 4, np.array(["a"] * 4), found)
    (of_four,) = by_edit([("cuff",)] * 4, np.array(["a", "b", "c", "d"]), found)
    assert (of_one.garments, of_one.copies) == (1, 4)
    assert (of_one.figures["top-1"].low, of_one.figures["top-1"].high) == (0.5, 0.5)
    assert (of_four.garments, of_four.copies) == (4, 4)
    assert of_four.figures["top-1"].low < 0.5 < of_four.figures["top-1"].high
    assert of_one.garments == of_one.figures["top-1"].count
