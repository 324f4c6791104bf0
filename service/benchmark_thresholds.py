"""What a check would say if a copy had to be more or less probable: found and accused at other thresholds.

Made for whoever sets `copy_probability` for a shop of their own; nothing here chose the shipped one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.benchmark.metrics import Figure, Floats, bootstrap
from service.benchmark_verdicts import Answer, SeenGarments, match_of
from service.judging import Rules
from service.policy import Policy
from service.verdict import Match

PROBABILITIES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99)
QUIET, BLANK = "nobody copied", "same blank"
"""Beside the sets: photos whose original is not registered, and other prints on a registered blank."""
NEVER = -1.0
"""How probable a copy is that the rules see no kind of copy in: no threshold is so low."""


@dataclass(frozen=True, slots=True)
class Sureness:
    """The highest probability with which each photo of `owners` (N,) is a copy by the rules, (N,) 0..1 or `NEVER`."""

    values: Floats
    owners: tuple[str, ...]

    def called(self, probability: float) -> Figure:
        """The share that is called a copy where a copy must be this probable."""
        return bootstrap(self.values >= probability, np.array(self.owners))


@dataclass(frozen=True, slots=True)
class Threshold:
    """`figures`: of what → the share called a copy at this `probability`; `shipped`: some group's policy has it."""

    probability: float
    shipped: bool
    figures: Mapping[str, Figure]


def without_thresholds(rules: Rules) -> Rules:
    """The same rules where nothing is too improbable to be called what its regions look like."""
    nothing = {"copy_probability": 0.0, "similar_probability": 0.0}
    groups = {group: one.model_copy(update=nothing) for group, one in rules.policy.groups.items()}
    return replace(rules, policy=rules.policy.model_copy(update={"groups": groups}))


def sure_of_originals(answers: Sequence[Answer], gallery: SeenGarments) -> Sureness:
    """Of copies, answered `without_thresholds`: as what their own original is found."""
    found = [match_of(answer, gallery, answer.owner) for answer in answers]
    sure = [_most([] if match is None else [match]) for match in found]
    return Sureness(np.array(sure), tuple(answer.owner for answer in answers))


def sure_of_photos(answers: Sequence[Answer]) -> Sureness:
    """Of photos that nobody copied, answered `without_thresholds`: as what anything is found by any garment."""
    most: dict[int, float] = {}
    owners: dict[int, str] = {}
    for answer in answers:
        sure = _most(match for _, match in answer.matches)
        most[answer.photo] = max(most.get(answer.photo, NEVER), sure)
        owners[answer.photo] = answer.owner
    return Sureness(np.array(list(most.values())), tuple(owners.values()))


def at_thresholds(asked: Mapping[str, Sureness], policy: Policy) -> tuple[Threshold, ...]:
    """Every threshold from the lowest up, those in force among them."""
    shipped = {rules.copy_probability for rules in policy.groups.values()}
    return tuple(
        Threshold(probability, probability in shipped, {name: sure.called(probability) for name, sure in asked.items()})
        for probability in sorted({*PROBABILITIES, *shipped})
    )


def _most(matches: Iterable[Match]) -> float:
    """The same photo is a copy however improbable, as in `judge`."""
    return max((1.0 if one.same_photo else one.probability for one in matches if one.kind.is_copy), default=NEVER)
