"""A policy file is complete and in order, or the service does not start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.taxonomy import RegionName, WeightGroup
from service.errors import PolicyError
from service.policy import Isotonic, Platt, read_policy
from service.settings import read_settings
from tests.policies import make_policy


def test_the_shipped_policy_can_be_read() -> None:
    """It covers every group and says why."""
    policy = read_policy(read_settings({}).policy_file)
    assert set(policy.groups) == set(WeightGroup)
    assert policy.report


def test_a_policy_is_read_as_it_was_written(tmp_path: Path) -> None:
    """JSON keeps every number."""
    path = tmp_path / "policy.json"
    path.write_text(make_policy().model_dump_json())
    assert read_policy(path) == make_policy()


def _broken(change: Any) -> str:
    content = json.loads(make_policy().model_dump_json())
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        _broken(lambda policy: policy.update(unknown=1)),
        _broken(lambda policy: policy["groups"].pop("dress")),
        _broken(lambda policy: policy["groups"]["dress"]["least_cosine"].pop("chest")),
        _broken(lambda policy: policy["groups"]["dress"].update(copy_probability=0.01)),
        _broken(lambda policy: policy["groups"]["dress"].update(colour_cost=-1)),
        _broken(lambda policy: policy["likelihoods"].pop("waist")),
        _broken(lambda policy: policy["likelihoods"]["waist"].update(their_background=1)),
        _broken(lambda policy: policy["likelihoods"]["waist"].update(slopes=[1, 1])),
        _broken(lambda policy: policy.update(cohort={"file": "cohort.npy", "sha256": "short"})),
        _broken(lambda policy: policy["groups"]["dress"]["calibration"].update(slope=-1)),
        _broken(lambda policy: policy["groups"]["dress"]["calibration"].update(kind="guess")),
    ],
)
def test_a_policy_that_breaks_its_rules_is_refused(tmp_path: Path, content: str) -> None:
    """Each of these would give wrong verdicts silently."""
    path = tmp_path / "policy.json"
    path.write_text(content)
    with pytest.raises(PolicyError, match=r"policy\.json"):
        read_policy(path)


def test_a_missing_policy_is_refused(tmp_path: Path) -> None:
    """No thresholds in code stand in for it."""
    with pytest.raises(PolicyError):
        read_policy(tmp_path / "none.json")


def test_a_region_agrees_by_its_cosine_less_what_its_colour_costs() -> None:
    """A cosine just above the threshold does not outweigh a change of colour."""
    rules = make_policy().of(WeightGroup.DRESS)
    assert rules.agrees(RegionName.CHEST, 0.61, 0.0)
    assert not rules.agrees(RegionName.CHEST, 0.61, 2.0)
    assert rules.agrees(RegionName.CHEST, 0.95, 30.0)


def test_platt_rises_through_one_half() -> None:
    """At -intercept / slope."""
    curve = Platt(kind="platt", slope=10, intercept=-5)
    assert curve.probability(0.5) == pytest.approx(0.5)
    assert 0 <= curve.probability(-1e9) < curve.probability(0.4) < curve.probability(0.6) < curve.probability(1e9) <= 1


def test_isotonic_goes_straight_between_knots_and_flat_outside() -> None:
    """Fitted steps, read as lines."""
    curve = Isotonic(kind="isotonic", scores=[0.2, 0.4, 0.8], probabilities=[0, 0.5, 0.9])
    assert [curve.probability(score) for score in (-1, 0.3, 0.6, 2)] == pytest.approx([0, 0.25, 0.7, 0.9])
    with pytest.raises(ValueError, match="never fall"):
        Isotonic(kind="isotonic", scores=[0.2, 0.4], probabilities=[0.5, 0.4])
    with pytest.raises(ValueError, match="as many"):
        Isotonic(kind="isotonic", scores=[0.2, 0.4], probabilities=[0.1, 0.2, 0.3])
