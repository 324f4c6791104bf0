"""Where a policy operates: the two knobs that find most copies while no more strangers are accused than is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.evidence import Evidence
from models.taxonomy import REGIONS, RegionName, WeightGroup
from models.weighting import WeightTable
from service.policy import Policy
from service.resemblance import RegionFinding
from service.verdict import kind_of

FALSE_ALARMS = 0.01
"""Share of untouched photos without a registered original that may be called copies here: what the benchmark asks for.

A catalogue brings other contributors than these, and they differ: a bootstrap over contributors of the 583 photos here
spans about twice the mean either way (0.04 gave 0.014 to 0.070).
"""
STRICTNESS = np.arange(-0.2, 0.13, 0.04)
"""How far all region thresholds are moved together while looking for the best pair with the probability."""

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def most_accused(photos: int) -> int:
    """How many of so many photos may be accused here so that FALSE_ALARMS of further ones are expected to be, at most.

    Fewer than that share of these, since the thresholds were chosen to just let them pass; none of 198 or fewer.
    Source: Angelopoulos et al., "Conformal risk control", ICLR 2024: what is expected is (accused + 1) / (photos + 1).
    """
    return max(0, int(FALSE_ALARMS * (photos + 1) + 1e-9) - 1)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A setting of the two knobs and what it gives: shares of copies found and of strangers accused."""

    strictness: float
    probability: float
    found: float
    accused: float

    @property
    def merit(self) -> float:
        """Copies found; a shift of the region thresholds must earn its keep: altered regions are named by them."""
        return self.found - 0.05 * abs(self.probability - 0.5) - 0.3 * abs(self.strictness)


def operate(
    evidence: Evidence,
    probabilities: Floats,
    limits: Mapping[RegionName, float],
    cost: float,
    weights: WeightTable,
    rules: Policy,
    answered: Booleans,
) -> OperatingPoint:
    """The knobs of most merit while no more strangers are accused than `most_accused` allows; where all accuse more,
    of those that accuse fewest. An original counts as found only among the rows that an answer would hold, `answered`
    (P,): a search may have missed it."""
    found_of = [
        np.flatnonzero((evidence.query == q) & evidence.original & answered) for q in queries_of(evidence, copied=True)
    ]
    accused_of = rows_of_untouched(evidence)
    points: list[OperatingPoint] = []
    for strictness in STRICTNESS:
        moved = {name: limit + strictness for name, limit in limits.items()}
        sure = np.where(_look_like_copies(evidence, moved, cost, weights, rules), probabilities, -1.0)
        of_copies = np.array([sure[rows].max(initial=-1.0) for rows in found_of])
        of_strangers = np.array([sure[rows].max(initial=-1.0) for rows in accused_of])
        points += [
            OperatingPoint(
                float(strictness),
                float(probability),
                found=float((of_copies >= probability).mean()),
                accused=float((of_strangers >= probability).mean()),
            )
            for probability in np.linspace(0.02, 0.99, 98)
        ]
    allowed = most_accused(len(accused_of)) / max(1, len(accused_of)) + 1e-9
    least = max(allowed, min(point.accused for point in points))
    return max((point for point in points if point.accused <= least), key=lambda point: point.merit)


def queries_of(evidence: Evidence, *, copied: bool) -> npt.NDArray[np.int32]:
    return np.unique(evidence.query[evidence.copied == copied])


def rows_of_untouched(evidence: Evidence) -> list[npt.NDArray[np.intp]]:
    """For each photo as sellers upload them, whose original is not registered, its rows; made copies look less like
    strangers."""
    strangers = ~evidence.copied
    plain = strangers & ~evidence.altered.any(axis=1)
    queries = np.unique(evidence.query[plain if plain.any() else strangers])
    return [np.flatnonzero(evidence.query == query) for query in queries]


def _look_like_copies(
    evidence: Evidence,
    limits: Mapping[RegionName, float],
    cost: float,
    weights: WeightTable,
    rules: Policy,
) -> Booleans:
    """bool (P,): whether the verdict's rules call a row a copy of some kind, probability and shared blanks aside."""
    agrees = evidence.cosines - cost * evidence.shifts >= [limits[name] for name in REGIONS]
    compared = ~np.isnan(evidence.cosines)
    called = np.zeros(len(agrees), dtype=np.bool_)
    for row in range(len(agrees)):
        weight = weights.of(WeightGroup(evidence.group[row])).values
        findings = tuple(
            RegionFinding(name, float(weight[i]), None, None, _opinion(agrees, compared, evidence.absent, row, i), None)
            for i, name in enumerate(REGIONS)
        )
        enough = compared[row].sum() >= rules.least_compared
        called[row] = enough and kind_of(findings, same_photo=False, policy=rules).is_copy
    return called


def _opinion(agrees: Booleans, compared: Booleans, absent: Booleans, row: int, region: int) -> bool | None:
    if compared[row, region]:
        return bool(agrees[row, region])
    return False if absent[row, region] else None
