"""Evidence → Policy: fits every threshold of the policy file on judged comparisons, and writes the report beside them.

Region thresholds part altered from unaltered regions of known copies; the probability is a Platt curve a group; how
sure a copy must be is the least that keeps unregistered photos from being called copies too often. The rules that are
applied meanwhile are those of `service/verdict.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibration import PlattCurve, expected_calibration_error, fit_platt
from models.evidence import Evidence
from models.scoring import unaltered_score
from models.taxonomy import REGIONS, RegionName, WeightGroup
from models.weighting import WeightTable
from service.policy import GroupPolicy, Platt, Policy
from service.verdict import RegionFinding, kind_of

FALSE_ALARMS = 0.01
"""Share of untouched photos without a registered original that may be called copies here.

Far below the product's 0.05: the calibration gallery holds some 130 garments that no network was trained on, a
catalogue holds thousands, and the chance of a look-alike grows with their number.
"""
LEAST_PAIRS = 60
"""Fewer known copies than this in a group, and the group takes the curve of all groups together."""
STRICTNESS = np.arange(-0.2, 0.21, 0.04)
"""How far all region thresholds are moved together while looking for the best pair with the probability."""
COLOUR_SHIFTS = (10.0, 14.0, 18.0, 22.0, 28.0)
"""Limits that are tried for a region's colour shift (CIELAB ΔE); unaltered regions reach about 10 by light alone."""
SIMILAR_SHARE = 0.25
"""`similar_probability` as a share of `copy_probability`."""

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Operating:
    """A setting of the three knobs and what it gives: shares of copies found and of strangers accused."""

    shift: float
    strictness: float
    probability: float
    found: float
    accused: float

    @property
    def merit(self) -> float:
        """Copies found; between settings that find about as many, the one nearer to an even chance and no shift."""
        return self.found - 0.05 * abs(self.probability - 0.5) - 0.1 * abs(self.strictness)


def fit_policy(evidence: Evidence, weights: WeightTable, start: Policy, version: str) -> Policy:
    """The policy fitted on `evidence`; rules that are no thresholds (how many may be altered, …) stay those of `start`.

    Raises InvalidValue where the evidence lacks copies or strangers.
    """
    tables = [weights.of(WeightGroup(group)) for group in evidence.group]
    scores = np.array(
        [unaltered_score(c, own, start.most_altered) for c, own in zip(evidence.cosines, tables, strict=True)]
    )
    cosine_limits = {name: _least_cosine(evidence, name) for name in REGIONS}
    pairs = _judged_pairs(evidence, scores)
    curves = {group: _curve(evidence, scores, pairs, group) for group in WeightGroup}
    probabilities = np.array(
        [curves[WeightGroup(g)].probability(s) for s, g in zip(scores, evidence.group, strict=True)]
    )
    best = max(
        (_operate(evidence, probabilities, cosine_limits, shift, weights, start) for shift in COLOUR_SHIFTS),
        key=lambda operating: operating.merit,
    )
    ece = expected_calibration_error(probabilities[pairs], evidence.original[pairs])
    limits = {name: float(np.clip(limit + best.strictness, -1, 1)) for name, limit in cosine_limits.items()}
    groups = {group: _group_policy(limits, best.shift, curves[group], best.probability) for group in WeightGroup}
    return start.model_copy(
        update={"version": version, "report": _report(evidence, pairs, best, ece), "groups": groups}
    )


def _least_cosine(evidence: Evidence, name: RegionName) -> float:
    """The cosine that best parts altered from unaltered; both sleeves share theirs."""
    rows = [name.row, name.mirrored.row]
    cosines = evidence.cosines[evidence.original][:, rows].ravel()
    altered = evidence.altered[evidence.original][:, rows].ravel()
    return _best_cut(-cosines, altered, np.linspace(-0.95, 0.0, 96), fallback=-0.5) * -1


def _best_cut(badness: npt.NDArray[np.floating], altered: Booleans, cuts: Floats, fallback: float) -> float:
    """The cut of best balanced accuracy when `badness` above it means altered."""
    known = ~np.isnan(badness)
    badness, altered = badness[known], altered[known]
    if not altered.any() or altered.all():
        return fallback
    gains = [(badness[altered] > cut).mean() + (badness[~altered] <= cut).mean() for cut in cuts]
    return float(cuts[int(np.argmax(gains))])


def _judged_pairs(evidence: Evidence, scores: Floats) -> Booleans:
    """The rows that a probability is fitted on: each known copy, and each unregistered photo's best stranger."""
    pairs = evidence.original.copy()
    for query in np.unique(evidence.query[~evidence.copied]):
        rows = np.flatnonzero(evidence.query == query)
        pairs[rows[int(np.argmax(scores[rows]))]] = True
    return pairs


def _curve(evidence: Evidence, scores: Floats, pairs: Booleans, group: WeightGroup) -> PlattCurve:
    own = pairs & (evidence.group == group.value)
    if (evidence.original & own).sum() < LEAST_PAIRS or (~evidence.original & own).sum() < LEAST_PAIRS:
        own = pairs
    return fit_platt(scores[own], evidence.original[own])


def _operate(
    evidence: Evidence,
    probabilities: Floats,
    limits: Mapping[RegionName, float],
    shift_limit: float,
    weights: WeightTable,
    rules: Policy,
) -> _Operating:
    """The knobs that find most copies while at most FALSE_ALARMS of the strangers are accused."""
    found_of = [np.flatnonzero((evidence.query == q) & evidence.original) for q in _queries(evidence, copied=True)]
    accused_of = [np.flatnonzero(evidence.query == q) for q in _untouched(evidence)]
    best = _Operating(shift_limit, float(STRICTNESS[-1]), 0.99, 0.0, 0.0)
    for strictness in STRICTNESS:
        moved = {name: limit + strictness for name, limit in limits.items()}
        copies = _look_like_copies(evidence, moved, shift_limit, weights, rules)
        for probability in np.linspace(0.02, 0.98, 97):
            called = copies & (probabilities >= probability)
            accused = float(np.mean([called[rows].any() for rows in accused_of]))
            found = float(np.mean([called[rows].any() for rows in found_of]))
            tried = _Operating(shift_limit, float(strictness), float(probability), found, accused)
            if accused <= FALSE_ALARMS and tried.merit > best.merit:
                best = tried
    return best


def _queries(evidence: Evidence, *, copied: bool) -> npt.NDArray[np.int32]:
    return np.unique(evidence.query[evidence.copied == copied])


def _untouched(evidence: Evidence) -> npt.NDArray[np.int32]:
    """Photos as sellers upload them, whose original is not registered; made copies look less like strangers."""
    strangers = ~evidence.copied
    plain = strangers & ~evidence.altered.any(axis=1)
    return np.unique(evidence.query[plain if plain.any() else strangers])


def _look_like_copies(
    evidence: Evidence,
    limits: Mapping[RegionName, float],
    shift_limit: float,
    weights: WeightTable,
    rules: Policy,
) -> Booleans:
    """bool (P,): whether the verdict's rules call a row a copy of some kind, probability aside."""
    agrees = (evidence.cosines >= [limits[name] for name in REGIONS]) & (evidence.shifts <= shift_limit)
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


def _group_policy(
    limits: Mapping[RegionName, float], shift_limit: float, curve: PlattCurve, probability: float
) -> GroupPolicy:
    return GroupPolicy(
        least_cosine={name: round(limit, 3) for name, limit in limits.items()},
        most_colour_shift=shift_limit,
        calibration=Platt(kind="platt", slope=round(curve.slope, 4), intercept=round(curve.offset, 4)),
        copy_probability=round(probability, 3),
        similar_probability=round(SIMILAR_SHARE * probability, 3),
    )


def _report(evidence: Evidence, pairs: Booleans, best: _Operating, ece: float) -> str:
    copies, strangers = len(_queries(evidence, copied=True)), len(_untouched(evidence))
    return (
        f"Fitted on the calibration fold (contributors that no model and no benchmark saw): {copies} made copies whose "
        f"original is registered, {strangers} photos whose original is not. Copies called a copy {best.found:.3f}, "
        f"untouched photos called a copy {best.accused:.3f} (at most {FALSE_ALARMS}); error (ECE) of the "
        f"calibrated probability on its {int(pairs.sum())} pairs {ece:.3f}."
    )
