"""Found and accused at other thresholds than the shipped: only what the rules call a kind of copy can be called one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.background import Cohort
from models.benchmark.ranking import equal_weights
from models.benchmark.sightings import Truth
from service.benchmark_thresholds import NEVER, Sureness, at_thresholds, sure_of_photos, without_thresholds
from service.benchmark_verdicts import Answer
from service.judging import Rules
from service.policy import read_policy
from service.settings import read_settings
from service.verdict import Match, Verdict
from tests.policies import make_policy

TRUTH = Truth()


def match(kind: Verdict, probability: float) -> Match:
    return Match(kind, kind, probability, same_photo=False, first=None, regions=(), warnings=())


def answer(photo: int, *matches: Match) -> Answer:
    return Answer(f"garment {photo}", photo, TRUTH, tuple(enumerate(matches)))


def test_a_photo_counts_by_the_surest_copy_that_any_of_its_garments_is_called() -> None:
    """Garments of one photo are one photo."""
    answers = [
        answer(0, match(Verdict.SIMILAR, 0.99), match(Verdict.DESIGN_COPY, 0.6)),
        answer(0, match(Verdict.PARTIAL_COPY, 0.7)),
        answer(1),
    ]
    assert sure_of_photos(answers).values.tolist() == [0.7, NEVER]


def test_the_same_photo_is_a_copy_however_improbable() -> None:
    """Thresholds are for what was photographed anew."""
    same = replace(match(Verdict.IMAGE_COPY, 0.1), same_photo=True)
    assert sure_of_photos([answer(0, same)]).values.tolist() == [1.0]


def test_without_thresholds_nothing_else_of_the_policy_is_another() -> None:
    """Or what is swept would not be the shipped rules."""
    policy = make_policy()
    rules = without_thresholds(Rules(equal_weights(), policy, Cohort.empty()))
    assert {one.copy_probability for one in rules.policy.groups.values()} == {0.0}
    assert {one.similar_probability for one in rules.policy.groups.values()} == {0.0}
    kept = {"copy_probability", "similar_probability"}
    for group, one in rules.policy.groups.items():
        assert one.model_dump(exclude=kept) == policy.groups[group].model_dump(exclude=kept)
    assert rules.policy.model_dump(exclude={"groups"}) == policy.model_dump(exclude={"groups"})


def test_a_higher_threshold_calls_no_more_copies_and_the_shipped_ones_are_among_them() -> None:
    policy = read_policy(read_settings({}).policy_file)
    groups = {group: rules.model_copy(update={"copy_probability": 0.88}) for group, rules in policy.groups.items()}
    policy = policy.model_copy(update={"groups": groups})
    sure = Sureness(np.linspace(0, 1, 40), tuple(f"{number // 2}" for number in range(40)))
    found = at_thresholds({"copies": sure}, policy)
    assert [one.probability for one in found if one.shipped] == [0.88]
    shares = [one.figures["copies"].value for one in found]
    assert shares == sorted(shares, reverse=True)
    assert found[0].figures["copies"].value == pytest.approx(0.5)
    assert found[0].figures["copies"].count == 20
