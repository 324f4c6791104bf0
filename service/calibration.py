"""Evidence → Policy: fits every threshold of the policy file on judged comparisons, and writes the report beside them.

Region thresholds part altered from unaltered regions of known copies; likelihoods part those unaltered regions from the
best look-alikes'; the probability is a Platt curve a group on the evidence of all regions; how sure a copy must be is
the least that keeps unregistered photos from being called copies too often. The rules that are applied meanwhile are
those of `service/verdict.py`; what a shared blank takes back is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.calibration import PlattCurve, expected_calibration_error, fit_logistic, fit_platt
from models.crowd import crowd_of, others_of
from models.evidence import Evidence
from models.likelihood import KNOTS, RegionLikelihood, bend, evidence_of
from models.taxonomy import REGIONS, RegionName, WeightGroup
from models.weighting import WeightTable
from service.operating_point import FALSE_ALARMS, OperatingPoint, operate, queries_of, rows_of_untouched
from service.policy import CohortFile, CrowdPolicy, GroupPolicy, Likelihood, OtherColour, Platt, Policy
from service.standing import answered, choose_score_worth, first_of_each, foremost, nearest_of, scores_of

LEAST_PAIRS = 60
"""Fewer known copies than this in a group, and the group takes the curve of all groups together."""
COLOUR_COSTS = (0.0, 0.004, 0.008, 0.012, 0.016, 0.02)
"""What is tried as the cosine that each ΔE of a region's own colour change costs."""
ALTERED_SHARE = 0.25
"""ε of `models.likelihood`: one or two of five regions altered, a little less since most copies alter one."""
MOST_COLOUR = 40.0
"""ΔE from which a colour is simply another one."""
MOST_CROWD = 4.0
"""Evidence that a crowd costs at most: were every copy charged that much, about as many would still be found at 0.015
as without any charge."""
SIMILAR_SHARE = 0.25
"""`similar_probability` as a share of `copy_probability`."""

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.intp]


def fit_policy(
    evidence: Evidence, weights: WeightTable, start: Policy, version: str, cohort: CohortFile | None = None
) -> Policy:
    """The policy fitted on `evidence`; rules that are no thresholds (how many may be altered, …) stay those of `start`.

    `cohort` is what the backgrounds in `evidence` were measured against. Raises InvalidValue where the evidence lacks
    copies, altered regions or strangers.
    """
    cost = max(COLOUR_COSTS, key=lambda tried: _parting(evidence, tried))
    limits = {name: _least_cosine(evidence, name, cost)[0] for name in REGIONS}
    likelihoods = {name: _likelihood(nearest_of(evidence), name) for name in REGIONS}
    sums = _evidence_sums(evidence, likelihoods)
    colour = _other_colour(evidence, sums)
    sums = sums - colour.cost * np.minimum(evidence.colours, colour.most)
    worth = choose_score_worth(evidence, sums, weights)
    standing = sums + worth * scores_of(evidence, weights)
    judged = foremost(evidence, standing)
    pairs, known = first_of_each(evidence, standing)[judged], answered(evidence, standing)[judged]
    evidence, sums = evidence.where(judged), sums[judged]
    crowd = _crowd(evidence, sums)
    sums = sums - _charges(evidence, sums, crowd)
    curves = {group: _curve(evidence, sums, pairs, group) for group in WeightGroup}
    probabilities = np.array([curves[WeightGroup(g)].probability(s) for s, g in zip(sums, evidence.group, strict=True)])
    best = operate(evidence, probabilities, limits, cost, weights, start, known)
    even = _as_many(pairs, evidence.copied)
    ece = expected_calibration_error(probabilities[even], evidence.original[even])
    strict = {name: float(np.clip(limit + best.strictness, -1, 1)) for name, limit in limits.items()}
    changes = {
        "version": version,
        "report": _report(evidence, even, best, ece),
        "cohort": cohort,
        "other_colour": colour,
        "crowd": crowd,
        "altered_share": ALTERED_SHARE,
        "score_worth": worth,
        "likelihoods": likelihoods,
        "groups": {group: _group_policy(strict, cost, curves[group], best.probability) for group in WeightGroup},
    }
    return start.model_copy(update=changes)


def _parting(evidence: Evidence, cost: float) -> float:
    """How well altered and unaltered regions are parted at this colour cost, 0..2, a mean over regions."""
    return float(np.mean([_least_cosine(evidence, name, cost)[1] for name in REGIONS]))


def _least_cosine(evidence: Evidence, name: RegionName, cost: float) -> tuple[float, float]:
    """The cosine, less the colour's cost, that best parts altered from unaltered, and how well; sleeves share it."""
    rows = [name.row, name.mirrored.row]
    passed = (evidence.cosines - cost * evidence.shifts)[evidence.original][:, rows].ravel()
    altered = evidence.altered[evidence.original][:, rows].ravel()
    known = ~np.isnan(passed)
    passed, altered = passed[known], altered[known]
    if not altered.any() or altered.all():
        return 0.5, 0.0
    cuts = np.linspace(0.0, 0.98, 99)
    gains = [(passed[altered] < cut).mean() + (passed[~altered] >= cut).mean() for cut in cuts]
    return float(cuts[int(np.argmax(gains))]), float(np.max(gains))


def _likelihood(evidence: Evidence, name: RegionName) -> Likelihood:
    """Unaltered regions of copies against the same regions of look-alikes; both sleeves share theirs."""
    parts, copied = [], []
    for row in dict.fromkeys((name.row, name.mirrored.row)):
        cosine = evidence.cosines[:, row]
        rows = ~np.isnan(cosine) & ((evidence.original & ~evidence.altered[:, row]) | ~evidence.copied)
        backgrounds = (evidence.ours[rows, row], evidence.theirs[rows, row])
        parts.append(np.column_stack([bend(cosine[rows]), *backgrounds]))
        copied.append(evidence.original[rows])
    design = np.concatenate(parts)
    slopes, offset = fit_logistic(design, np.concatenate(copied), signs=[1] * (1 + len(KNOTS)) + [-1, -1])
    rounded = [round(float(slope), 4) for slope in slopes]
    return Likelihood(
        offset=round(offset, 4),
        slopes=tuple(rounded[: 1 + len(KNOTS)]),
        our_background=rounded[-2],
        their_background=rounded[-1],
    )


def _other_colour(evidence: Evidence, sums: Floats) -> OtherColour:
    """How much another colour speaks against copying, beside what the regions say; none where it does not."""
    pairs = _judged_pairs(evidence, sums)
    design = np.column_stack([sums, np.minimum(evidence.colours, MOST_COLOUR)])[pairs]
    (slope, colour), _ = fit_logistic(design, evidence.original[pairs], signs=[1, -1])
    return OtherColour(cost=round(-colour / slope, 4) if slope > 0 else 0.0, most=MOST_COLOUR)


def _crowd(evidence: Evidence, sums: Floats) -> CrowdPolicy:
    """Charged above the crowd that half of the untouched photos stand in."""
    usual = [crowd_of(sorted(sums[rows])[:-1]) for rows in rows_of_untouched(evidence)]
    known = np.array(usual)[np.isfinite(usual)]
    return CrowdPolicy(level=round(float(np.median(known)), 2) if len(known) else 0.0, most=MOST_CROWD)


def _charges(evidence: Evidence, sums: Floats, crowd: CrowdPolicy) -> Floats:
    """(P,): what each row is charged for the other rows of its query."""
    charges = np.zeros(len(sums))
    for query in np.unique(evidence.query):
        rows = np.flatnonzero(evidence.query == query)
        charges[rows] = [crowd.charge(others) for others in others_of(rows.tolist(), sums[rows].tolist())]
    return charges


def _evidence_sums(evidence: Evidence, likelihoods: Mapping[RegionName, Likelihood]) -> Floats:
    """(P,): `Policy.evidence` of every row."""
    curves: dict[RegionName, RegionLikelihood] = {name: likelihoods[name].curve for name in REGIONS}
    ratios = [
        curves[name].log_ratio(evidence.cosines[:, name.row], evidence.ours[:, name.row], evidence.theirs[:, name.row])
        for name in REGIONS
    ]
    return np.asarray(evidence_of(np.stack(ratios, axis=1).astype(np.float64), ALTERED_SHARE))


def _judged_pairs(evidence: Evidence, scores: Floats) -> Booleans:
    """The rows that colour is weighed on: each known copy, and each unregistered photo's best stranger."""
    pairs = evidence.original.copy()
    for query in np.unique(evidence.query[~evidence.copied]):
        rows = np.flatnonzero(evidence.query == query)
        pairs[rows[int(np.argmax(scores[rows]))]] = True
    return pairs


def _as_many(pairs: Booleans, copied: Booleans) -> Ids:
    """Rows of the judged pairs, as many of copies as of strangers, evenly taken from those there are."""
    parts = (np.flatnonzero(pairs & copied), np.flatnonzero(pairs & ~copied))
    count = min(map(len, parts))
    return np.concatenate([part[np.arange(count) * len(part) // max(1, count)] for part in parts])


def _curve(evidence: Evidence, scores: Floats, pairs: Booleans, group: WeightGroup) -> PlattCurve:
    own = pairs & (evidence.group == group.value)
    if (evidence.original & own).sum() < LEAST_PAIRS or (~evidence.original & own).sum() < LEAST_PAIRS:
        own = pairs
    return fit_platt(scores[own], evidence.original[own])


def _group_policy(
    limits: Mapping[RegionName, float], cost: float, curve: PlattCurve, probability: float
) -> GroupPolicy:
    return GroupPolicy(
        least_cosine={name: round(limit, 3) for name, limit in limits.items()},
        colour_cost=cost,
        calibration=Platt(kind="platt", slope=round(curve.slope, 4), intercept=round(curve.offset, 4)),
        copy_probability=round(probability, 3),
        similar_probability=round(SIMILAR_SHARE * probability, 3),
    )


def _report(evidence: Evidence, even: Ids, best: OperatingPoint, ece: float) -> str:
    copies, strangers = len(queries_of(evidence, copied=True)), len(rows_of_untouched(evidence))
    expected = (best.accused * strangers + 1) / (strangers + 1)
    return (
        f"Fitted on garments that no embedder learnt from and no benchmark asks with: {copies} made copies whose "
        f"original is registered, {strangers} photos whose original is not. Copies called a copy {best.found:.3f}, "
        f"untouched photos called a copy {best.accused:.3f} (expected of a further one {expected:.3f}, {FALSE_ALARMS} "
        f"allowed; the thresholds were chosen on these); error (ECE) of the calibrated probability on its {len(even)} "
        f"pairs, copies and strangers 1:1, {ece:.3f}."
    )
