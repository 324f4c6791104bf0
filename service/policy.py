"""The policy: every threshold of a verdict, in one versioned file with the report that justified it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.calibration import PlattCurve
from models.taxonomy import RegionName, WeightGroup
from service.errors import PolicyError

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Platt(_Part):
    """A logistic curve, as `models.calibration` fits it."""

    kind: Literal["platt"]
    slope: float = Field(gt=0, allow_inf_nan=False)
    intercept: float = Field(allow_inf_nan=False)

    def probability(self, score: float) -> float:
        return PlattCurve(self.slope, self.intercept).probability(score)


class Isotonic(_Part):
    """Straight lines between knots; flat before the first and after the last."""

    kind: Literal["isotonic"]
    scores: list[float] = Field(min_length=2)
    probabilities: list[Share] = Field(min_length=2)

    @model_validator(mode="after")
    def _rises(self) -> Isotonic:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("as many scores as probabilities")
        if np.any(np.diff(self.scores) <= 0) or np.any(np.diff(self.probabilities) < 0):
            raise ValueError("scores rise and probabilities never fall")
        return self

    def probability(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.probabilities))


class GroupPolicy(_Part):
    """One weight group's thresholds.

    `least_cosine` a region needs to agree; `most_colour_shift` (CIELAB ΔE beyond the change common to all regions) that
    it may have; `copy_probability` and `similar_probability` a match needs for a verdict of that kind.
    """

    least_cosine: Mapping[RegionName, Annotated[float, Field(ge=-1, le=1)]]
    most_colour_shift: float = Field(gt=0)
    calibration: Annotated[Platt | Isotonic, Field(discriminator="kind")]
    copy_probability: Share
    similar_probability: Share

    @model_validator(mode="after")
    def _complete(self) -> GroupPolicy:
        if set(self.least_cosine) != set(RegionName):
            raise ValueError("least_cosine names all five regions")
        if self.similar_probability > self.copy_probability:
            raise ValueError("similar_probability is at most copy_probability")
        return self


class Policy(_Part):
    """`same_photo_distance`: PDQ bits that two crops of one photo may differ in; `least_weight`: see `Query`.

    `sure_landmark` and `small_crop_px` decide warnings only: mean landmark confidence and longer side of the garment.
    """

    version: str = Field(min_length=1)
    report: str
    least_weight: Share
    least_compared: int = Field(ge=1, le=5)
    most_altered: int = Field(ge=0, le=4)
    least_agreeing: int = Field(ge=1, le=5)
    least_agreeing_weight: Share
    same_photo_distance: int = Field(ge=0, le=255)
    sure_landmark: Share
    small_crop_px: int = Field(ge=0)
    groups: Mapping[WeightGroup, GroupPolicy]

    @model_validator(mode="after")
    def _complete(self) -> Policy:
        if set(self.groups) != set(WeightGroup):
            raise ValueError("the policy names all five weight groups")
        return self

    def of(self, group: WeightGroup) -> GroupPolicy:
        return self.groups[group]


def read_policy(path: Path) -> Policy:
    """Read the policy file. Raises PolicyError where it is missing or breaks its own rules."""
    try:
        return Policy.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise PolicyError(f"{path}: {error}") from error
