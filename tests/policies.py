"""A policy for tests: round numbers that no calibration moves."""

from __future__ import annotations

from typing import Any

from models.taxonomy import RegionName, WeightGroup
from service.policy import Policy

COPY_SCORE = 0.5
"""The score whose probability is one half, enough for a copy."""


def make_policy(**changes: Any) -> Policy:
    """Regions agree from cosine 0.6 and up to a colour shift of 15; `changes` are other fields of `Policy`."""
    group = {
        "least_cosine": dict.fromkeys(RegionName, 0.6),
        "most_colour_shift": 15.0,
        "calibration": {"kind": "platt", "slope": 20.0, "intercept": -20.0 * COPY_SCORE},
        "copy_probability": 0.5,
        "similar_probability": 0.1,
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
        "groups": dict.fromkeys(WeightGroup, group),
    }
    return Policy.model_validate(fields | changes)
