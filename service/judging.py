"""One garment's verdicts: rules, and a finding for every hit, with the pictures compared where they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from index.types import Hit
from models.background import Cohort
from models.errors import InvalidValue
from models.scoring import common_colour_change
from models.taxonomy import RegionName, WeightGroup
from models.types import DescribedGarment
from models.weighting import RegionWeights, WeightTable
from service.cache import Versions
from service.errors import InvalidField
from service.picture_evidence import PictureEvidence
from service.policy import Policy
from service.requests import apply_weights
from service.schemas import MatchOut, WarningOut, warning_out
from service.verdict import Resemblance, judge


@dataclass(frozen=True, slots=True)
class Rules:
    """What verdicts follow from beside the photos: learned weights, policy, and what plain regions are measured by."""

    weights: WeightTable
    policy: Policy
    cohort: Cohort

    def weights_of(self, group: WeightGroup, changes: dict[RegionName, float] | None) -> RegionWeights:
        """Raises InvalidField where the caller's changes leave a group no weight above zero."""
        try:
            return apply_weights(self.weights.of(group), changes)
        except InvalidValue as error:
            raise InvalidField.at("/weights", f"leave no weight above zero for {group}") from error

    def versions(self, models_version: str, sequence: int) -> Versions:
        return Versions(models_version, self.weights.version, self.policy.version, sequence)


def judge_hits(
    garment: DescribedGarment, hits: Sequence[Hit], weights: RegionWeights, rules: Rules, published: datetime | None
) -> list[MatchOut]:
    """The verdict on every hit, in the order of the hits: best score first."""
    matches = []
    for hit in hits:
        resemblance = resemblance_of(garment, hit, rules.cohort)
        found = judge(resemblance, weights, rules.policy, published, hit.details.published_at)
        matches.append(MatchOut.of(hit, found))
    return matches


def resemblance_of(garment: DescribedGarment, hit: Hit, cohort: Cohort) -> Resemblance:
    seen = garment.mirrored if hit.mirrored else garment.embeddings
    return Resemblance(
        garment,
        hit.garment,
        hit.score,
        hit.mirrored,
        hit.cosines,
        hit.colour_shifts,
        common_colour_change(seen, hit.garment.embeddings),
        cohort.background(seen),
        cohort.background(hit.garment.embeddings),
    )


def warnings_of(garment: DescribedGarment, policy: Policy) -> list[WarningOut]:
    """What lowers trust in a garment's verdict before anything is compared."""
    box = garment.detection.box
    bottom = garment.detection.category.is_bottom
    visible = sum(region.visible for region in garment.regions)
    found = {
        "low_landmark_confidence": float(garment.landmarks.confidence.mean()) < policy.sure_landmark,
        "few_regions": visible < policy.least_compared and not bottom,
        "small_crop": max(box.width, box.height) < policy.small_crop_px,
    }
    return [warning_out(code) for code, true in found.items() if true]
