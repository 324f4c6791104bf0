"""Strangers that a network confuses are found by their regions, never among photos of one design."""

from __future__ import annotations

import numpy as np

from models.training.embedder.neighbours import confused_by, in_turns, near_in_colour


def rows(*agreements: float) -> np.ndarray:
    """Garments whose five regions all have this cosine with the first axis."""
    made = np.zeros((len(agreements), 5, 2), np.float32)
    made[..., 0] = np.array(agreements)[:, None]
    made[..., 1] = np.sqrt(1 - np.array(agreements)[:, None] ** 2)
    return made


def test_the_garment_whose_regions_agree_most_comes_first() -> None:
    found = confused_by(rows(1.0, 0.2, 0.9), np.array([10, 20, 30]), list(range(31)), 2)
    assert found[10].tolist() == [30, 20]


def test_photos_of_one_design_are_no_strangers() -> None:
    designs = list(range(31))
    designs[30] = designs[10]
    found = confused_by(rows(1.0, 0.2, 0.9), np.array([10, 20, 30]), designs, 1)
    assert found[10].tolist() == [20]


def test_two_altered_regions_do_not_hide_a_look_alike() -> None:
    vectors = rows(1.0, 1.0, 0.8)
    vectors[1, :2] *= -1
    assert confused_by(vectors, np.array([0, 1, 2]), [0, 1, 2], 1)[0].tolist() == [1]


def test_strangers_of_all_kinds_take_turns_and_none_comes_twice() -> None:
    """A kind that has run out leaves its turns to the others."""
    mixed = in_turns([np.arange(10), np.array([10, 11]), np.array([3])], np.random.default_rng(0))
    assert sorted(mixed) == list(range(12))
    assert [number >= 10 for number in mixed[:2]] == [False, True]
    assert set(mixed[5:]) <= set(range(10))
    assert in_turns([], np.random.default_rng(0)) == []


def test_colour_neighbours_stay_in_their_group() -> None:
    colours = np.array([[0, 0, 0], [1, 0, 0], [50, 0, 0]], np.float32)
    assert near_in_colour(colours, ["top", "dress", "top"], np.array([0, 1, 2]), 2)[0].tolist() == [2]
