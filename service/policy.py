"""The policy: every threshold of a verdict, in one versioned file with the report that justified it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.calibration import PlattCurve
from models.crowd import Crowd
from models.likelihood import RegionLikelihood, evidence_of
from models.scoring import Likeness
from models.taxonomy import REGIONS, RegionName, WeightGroup
from service.errors import PolicyError

Floats = npt.NDArray[np.floating]
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


class CohortFile(_Part):
    """The cohort that backgrounds are measured against: a file beside the networks, and what it must hash to."""

    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Likelihood(_Part):
    """One region's log-ratio of copying to chance: see `models.likelihood.RegionLikelihood`."""

    offset: float
    slopes: tuple[float, ...]
    our_background: float
    their_background: float

    @model_validator(mode="after")
    def _rises(self) -> Likelihood:
        _ = self.curve
        return self

    @cached_property
    def curve(self) -> RegionLikelihood:
        return RegionLikelihood(self.offset, self.slopes, self.our_background, self.their_background)


class SameGarment(_Part):
    """How `POST /search` ranks: see `models.scoring.Likeness`; `report` says how the numbers were chosen."""

    report: str
    colour_cost: float = Field(ge=0, allow_inf_nan=False)
    most_colour: float = Field(ge=0, allow_inf_nan=False)
    group_bonus: float = Field(ge=0, allow_inf_nan=False)

    def likeness(self) -> Likeness:
        return Likeness(self.colour_cost, self.most_colour, self.group_bonus)


class PicturePolicy(_Part):
    """How a reused picture is told; `report` says how the numbers were chosen.

    `radius`: bits within which a print is looked up; `most_compared`: registered photos whose pixels are compared for
    one check; `least_confidence` (`models.same_picture`) from which it is the same picture. Of that picture a region is
    altered where less than `least_alike` of it is the same.
    """

    report: str
    radius: int = Field(ge=0, le=120)
    most_compared: int = Field(ge=0, le=16)
    least_confidence: Share
    least_alike: Share


class OtherColour(_Part):
    """What another colourway costs: `cost` of evidence a ΔE of the change common to all regions, up to `most` ΔE."""

    cost: float = Field(ge=0, allow_inf_nan=False)
    most: float = Field(ge=0, allow_inf_nan=False)


class CrowdPolicy(_Part):
    """What a match is charged where many registered items resemble the garment as much: see `models.crowd.Crowd`."""

    level: float = Field(allow_inf_nan=False)
    most: float = Field(ge=0, allow_inf_nan=False)

    def charge(self, others: Sequence[float]) -> float:
        return Crowd(self.level, self.most).charge(others)


class GroupPolicy(_Part):
    """One weight group's thresholds.

    A region agrees where its cosine, less `colour_cost` for each CIELAB ΔE of its colour change beyond the change
    common to all regions, reaches `least_cosine`; `calibration` turns the evidence of all regions into a probability;
    `copy_probability` and `similar_probability` are what a match needs for a verdict of that kind.
    """

    least_cosine: Mapping[RegionName, Annotated[float, Field(ge=-1, le=1)]]
    colour_cost: float = Field(ge=0, allow_inf_nan=False)
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

    def agrees(self, name: RegionName, cosine: float, colour_shift: float) -> bool:
        """Whether a compared region passes."""
        return cosine - self.colour_cost * colour_shift >= self.least_cosine[name]


class Policy(_Part):
    """`same_photo_distance`: PDQ bits that two crops of one photo may differ in; `least_weight`: see `Query`.

    `likelihoods`, `altered_share` (ε) and `cohort`: see `models.likelihood` and `models.background`. `score_worth`: how
    much evidence one of S is worth where matches are ordered.

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
    pictures: PicturePolicy
    same_garment: SameGarment
    cohort: CohortFile | None = None
    other_colour: OtherColour
    crowd: CrowdPolicy | None = None
    altered_share: float = Field(gt=0, lt=1)
    score_worth: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    likelihoods: Mapping[RegionName, Likelihood]
    groups: Mapping[WeightGroup, GroupPolicy]

    @model_validator(mode="after")
    def _complete(self) -> Policy:
        if set(self.groups) != set(WeightGroup):
            raise ValueError("the policy names all five weight groups")
        if set(self.likelihoods) != set(RegionName):
            raise ValueError("likelihoods names all five regions")
        return self

    def of(self, group: WeightGroup) -> GroupPolicy:
        return self.groups[group]

    def charge(self, others: Sequence[float]) -> float:
        """What a match's evidence loses to the evidence of other items; 0 where the policy knows no crowd."""
        return 0.0 if self.crowd is None else self.crowd.charge(others)

    def evidence(self, cosines: Floats, ours: Floats, theirs: Floats, colour_changes: Floats) -> Floats:
        """(N,): what five regions, (N, 5) each, and the garments' colour (N,) say together; cosines NaN where not
        compared."""
        ratios = [
            self.likelihoods[name].curve.log_ratio(cosines[:, name.row], ours[:, name.row], theirs[:, name.row])
            for name in REGIONS
        ]
        charged = self.other_colour.cost * np.minimum(colour_changes, self.other_colour.most)
        return np.asarray(evidence_of(np.stack(ratios, axis=1).astype(np.float64), self.altered_share) - charged)

    def standing(self, evidence: Floats, scores: Floats) -> Floats:
        """(N,): by what matches are ordered, best first."""
        return np.asarray(evidence + self.score_worth * scores)


def read_policy(path: Path) -> Policy:
    """Read the policy file. Raises PolicyError where it is missing or breaks its own rules."""
    try:
        return Policy.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise PolicyError(f"{path}: {error}") from error
