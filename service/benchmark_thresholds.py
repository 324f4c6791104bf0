"""What a check would say if a copy had to be more or less probable: found and accused at other thresholds.

Made for whoever sets `copy_probability` for a shop of their own; nothing here chose the shipped one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.benchmark.metrics import Figure, Floats, bootstrap
from service.benchmark_verdicts import Answer
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


def sure_of_originals(answers: Sequence[Answer], found: Sequence[Match | None]) -> Sureness:
    """Of copies: as which their own original is `found`."""
    matches = [[] if match is None else [match] for match in found]
    return Sureness(np.array([_most(one) for one in matches]), tuple(answer.owner for answer in answers))


def sure_of_photos(answers: Sequence[Answer]) -> Sureness:
    """Of photos that nobody copied: of whatever any of their garments is called a copy."""
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
    return max((match.probability for match in matches if match.kind.is_copy), default=NEVER)
