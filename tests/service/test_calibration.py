"""Evidence to policy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
import service
from models.errors import InvalidValue
from models.evidence import Evidence
from models.taxonomy import RegionName, WeightGroup
from models.weighting import read_weight_table
from service.calibration import fit_policy
from service.operating_point import FALSE_ALARMS
from service.policy import Policy, read_policy

WEIGHTS = read_weight_table(Path(models.__file__).parent / "weights" / "region_weights.json")
SHIPPED = read_policy(Path(service.__file__).parent / "policy.json")


def made_evidence(copies: int = 90, strangers: int = 90, overlap: float = 0.0) -> Evidence:
    """Copies whose altered region has cosine about 0.2 and whose others have about 0.9; strangers at about 0.4."""
    rng = np.random.default_rng(0)
    rows = copies + strangers
    original = np.arange(rows) < copies
    altered = np.zeros((rows, 5), bool)
    altered[np.arange(copies), rng.integers(0, 5, copies)] = True
    centre = np.where(original[:, None], np.where(altered, 0.2, 0.9), 0.4 + overlap)
    return Evidence(
        query=np.arange(rows, dtype=np.int32),
        group=rng.choice([group.value for group in WeightGroup if group is not WeightGroup.BOTTOM], rows),
        copied=original.copy(),
        original=original,
        altered=altered,
        cosines=np.clip(centre + rng.normal(0, 0.05, (rows, 5)), -1, 1).astype(np.float32),
        shifts=np.where(altered, 30, 5).astype(np.float32),
        colours=np.full(rows, 20, np.float32),
        ours=np.zeros((rows, 5), np.float32),
        theirs=rng.uniform(0, 0.5, (rows, 5)).astype(np.float32),
        absent=np.zeros((rows, 5), bool),
    )


def fitted(evidence: Evidence) -> Policy:
    return fit_policy(evidence, WEIGHTS, SHIPPED, "test-1")


def spoken_for(policy: Policy, cosine: float, theirs: float) -> float:
    """The evidence of a garment all of whose regions have this cosine, beside regions of this background."""
    cosines, ours, others = (np.full((1, 5), value) for value in (cosine, 0.0, theirs))
    return float(policy.evidence(cosines, ours, others, np.array([5.0]))[0])


def test_the_fitted_thresholds_part_altered_from_unaltered_regions() -> None:
    """What copies keep agrees, what they alter does not; both sleeves share a limit."""
    rules = fitted(made_evidence()).of(WeightGroup.T_SHIRT)
    assert all(rules.agrees(name, 0.85, 5.0) and not rules.agrees(name, 0.25, 30.0) for name in RegionName)
    limits = rules.least_cosine
    assert limits[RegionName.LEFT_SLEEVE] == limits[RegionName.RIGHT_SLEEVE]


def test_a_copy_is_more_probable_than_a_stranger() -> None:
    """The curve rises from strangers' scores to copies' scores."""
    curve = fitted(made_evidence()).of(WeightGroup.DRESS).calibration
    policy = fitted(made_evidence())
    copied, stranger = (spoken_for(policy, cosine, theirs=0.2) for cosine in (0.9, 0.4))
    assert curve.probability(copied) > 0.9
    assert curve.probability(stranger) < 0.1


def test_strangers_with_plain_regions_teach_that_plain_regions_prove_little() -> None:
    """Where look-alikes agree because they are plain, the same cosine counts for less beside a plain garment."""
    made = made_evidence(overlap=0.4)
    plain = replace(made, theirs=np.where(made.original[:, None], 0.1, np.full((1, 5), 0.7)).astype(np.float32))
    policy = fitted(plain)
    beside = [spoken_for(policy, 0.85, theirs) for theirs in (0.1, 0.7)]
    assert beside[0] > beside[1] + 1


def test_colour_counts_where_it_parts_altered_from_unaltered() -> None:
    """Cosines that say nothing and colours that say all make colour costly."""
    made = made_evidence()
    blind = replace(made, cosines=np.where(made.original[:, None], np.float32(0.9), made.cosines))
    rules = fitted(blind).of(WeightGroup.DRESS)
    assert rules.agrees(RegionName.CHEST, 0.9, 5.0)
    assert not rules.agrees(RegionName.CHEST, 0.9, 40.0)


def test_strangers_that_look_alike_make_the_policy_stricter() -> None:
    """When strangers agree as well as copies do, fewer copies are called so rather than more strangers accused."""
    easy, hard = fitted(made_evidence()), fitted(made_evidence(overlap=0.45))
    assert _share(easy, "Copies called a copy ") == 1.0
    assert _share(hard, "Copies called a copy ") < 1.0
    assert _share(hard, "untouched photos called a copy ") <= FALSE_ALARMS


def _share(policy: Policy, after: str) -> float:
    """The number that follows these words in the report."""
    return float(policy.report.split(after)[1].split(" ")[0].rstrip(","))


def test_what_is_no_threshold_stays_as_it_was() -> None:
    """How many regions may be altered is product.md's, not the data's."""
    policy = fitted(made_evidence())
    assert policy.version == "test-1"
    assert (policy.most_altered, policy.least_weight) == (SHIPPED.most_altered, SHIPPED.least_weight)


def test_evidence_without_strangers_cannot_fit_a_policy() -> None:
    """Nobody would know what to guard against."""
    with pytest.raises(InvalidValue):
        fitted(made_evidence(strangers=0))


def test_the_level_of_a_crowd_is_that_of_ordinary_photos() -> None:
    """Half of the untouched photos stand in a thinner crowd and are charged nothing; lone pairs tell of none."""
    alone = made_evidence()
    rows = np.concatenate([np.flatnonzero(alone.original), np.repeat(np.flatnonzero(~alone.original), 6)])
    lonely, crowded = fitted(alone).crowd, fitted(alone.where(rows)).crowd
    assert lonely is not None
    assert lonely.level == 0
    assert crowded is not None
    assert crowded.level < 0
    assert crowded.charge([crowded.level - 1] * 6) == 0
    assert crowded.charge([crowded.level + 1] * 6) == pytest.approx(1)


def test_another_colour_counts_against_copying_where_copies_keep_theirs() -> None:
    """And not at all where copies change it as often as strangers differ."""
    made = made_evidence(overlap=0.3)
    kept = replace(made, colours=np.where(made.original, 5, 30).astype(np.float32))
    assert fitted(kept).other_colour.cost > 0
    assert fitted(made).other_colour.cost == 0
