"""Probabilities of the best hits beside whether they came true, a garment's photos kept together."""

import numpy as np

from models.benchmark.table import ALL
from models.taxonomy import RegionName
from service.benchmark_calibration import calibrations_of
from service.benchmark_verdicts import answer_all
from tests.service.test_benchmark_verdicts import GALLERY, RULES, copy_of, seen


def test_a_garments_copies_and_its_own_photo_count_once() -> None:
    """Two copies each of two garments, and the photos of both asked without them: eight pairs of two garments."""
    copies = seen(
        ["a", "a", "b", "b"],
        [copy_of(seed, [name]) for seed in (1, 2) for name in (RegionName.COLLAR, RegionName.WAIST)],
    )
    alone = seen(["a", "b"] * 2, [copy_of(seed, []) for seed in (1, 2)] * 2)
    hidden = {name: frozenset({name}) for name in ("a", "b")}
    answers = (
        answer_all(copies, GALLERY, RULES, "judging"),
        answer_all(alone, GALLERY, RULES, "judging", hidden),
    )
    found = calibrations_of("hard", answers, (copies.rows.groups, alone.rows.groups), GALLERY)
    group = str(copies.rows.groups[0])
    assert [(one.group, one.pairs) for one in found] == [(ALL, 8), (group, 8)]
    for one in found:
        assert (one.reliability.error.count, one.reliability.skill.count) == (2, 2)
        assert one.reliability.error.low <= one.reliability.error.value <= one.reliability.error.high


def test_groups_that_only_one_side_shows_are_not_told_apart() -> None:
    """And without a pair there is nothing to measure."""
    asked = seen(["a"], [copy_of(1, [])])
    answers = answer_all(asked, GALLERY, RULES, "judging")
    assert calibrations_of("hard", (answers, []), (asked.rows.groups, np.array([], dtype=np.str_)), GALLERY) == []
