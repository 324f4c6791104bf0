"""A policy for tests: round numbers that no calibration moves."""

from __future__ import annotations

from typing import Any

from models.taxonomy import RegionName, WeightGroup
from service.policy import Policy

_LIKELIHOOD = {"offset": -5.0, "slopes": [10.0, 0.0, 0.0, 0.0, 0.0], "our_background": 0.0, "their_background": 0.0}
"""Speaks for copying from a cosine of 0.5 on, whatever the background."""


def make_policy(**changes: Any) -> Policy:
    """Regions agree from cosine 0.6, less 0.01 for each ΔE; three agreeing regions make a copy probable, whatever the
    others say. `changes` are other fields of `Policy`."""
    group = {
        "least_cosine": dict.fromkeys(RegionName, 0.6),
        "colour_cost": 0.01,
        "calibration": {"kind": "platt", "slope": 0.5, "intercept": -4.0},
        "copy_probability": 0.5,
        "similar_probability": 0.05,
    }
    fields: dict[str, Any] = {
        "version": "policy-of-the-tests",
        "report": "made up",
        "least_weight": 0.35,
        "least_compared": 3,
        "most_altered": 2,
        "least_agreeing": 2,
        "least_agreeing_weight": 0.5,
        "same_photo_distance": 31,
        "sure_landmark": 0.4,
        "small_crop_px": 96,
        "pictures": {
            "report": "made up",
            "radius": 60,
            "most_compared": 4,
            "least_confidence": 0.5,
            "least_alike": 0.5,
        },
        "same_garment": {"report": "made up", "colour_cost": 0.01, "most_colour": 25.0, "group_bonus": 0.03},
        "other_colour": {"cost": 0.02, "most": 40.0},
        "altered_share": 0.25,
        "likelihoods": dict.fromkeys(RegionName, _LIKELIHOOD),
        "groups": dict.fromkeys(WeightGroup, group),
    }
    return Policy.model_validate(fields | changes)
