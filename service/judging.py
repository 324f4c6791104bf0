"""One garment's verdicts: rules, and a finding for every hit, with the pictures compared where they were."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np

from index.reading import FoundGarment
from index.types import Hit
from models.background import Cohort
from models.errors import InvalidValue
from models.evidence import CANDIDATES
from models.scoring import common_colour_change
from models.taxonomy import REGIONS, RegionName, WeightGroup
from models.types import DescribedGarment
from models.weighting import RegionWeights, WeightTable
from service.beside import stand_beside
from service.cache import Versions
from service.errors import InvalidField
from service.picture_evidence import PictureEvidence
from service.picture_verdict import judge_picture
from service.policy import Policy
from service.requests import apply_weights
from service.resemblance import Resemblance, evidence_in
from service.schemas import MatchOut
from service.schemas_pictures import PictureMatchOut, PictureOut
from service.schemas_warnings import WarningOut, warning_out
from service.verdict import Beside, judge

LEAST_JUDGED = 20
"""Hits that a garment is judged among, however few are asked for: no match depends on the length of its list."""


ONLY_WAIST = RegionWeights(np.array([float(name is RegionName.WAIST) for name in REGIONS]))
"""Of a bottom, which is compared as a whole; less than all would be too little weight for a search."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What verdicts follow from beside the photos: learned weights, policy, and what plain regions are measured by."""

    weights: WeightTable
    policy: Policy
    cohort: Cohort

    def weights_of(self, group: WeightGroup, changes: dict[RegionName, float] | None) -> RegionWeights:
        """Those of a group, with the caller's changes; a bottom's are its waist's alone, whatever the table says of
        regions that it does not have. Raises InvalidField where the changes leave no weight above zero."""
        try:
            weights = apply_weights(self.weights.of(group), changes)
        except InvalidValue as error:
            raise InvalidField.at("/weights", f"leave no weight above zero for {group}") from error
        if group is not WeightGroup.BOTTOM:
            return weights
        if not weights.values[RegionName.WAIST.row]:
            raise InvalidField.at("/weights/waist", f"leaves no weight above zero for {group}")
        return ONLY_WAIST

    def versions(self, models_version: str, sequence: int) -> Versions:
        return Versions(models_version, self.weights.version, self.policy.version, sequence)


@dataclass(frozen=True, slots=True, eq=False)
class WeighedHit:
    """A hit, how our garment resembles it, and what it is judged beside."""

    hit: Hit
    resemblance: Resemblance
    beside: Beside


def weigh_hits(
    garment: DescribedGarment,
    hits: Sequence[Hit],
    rules: Rules,
    most: int = LEAST_JUDGED,
    *,
    kept: Container[int] = (),
    by_score: bool = False,
) -> list[WeighedHit]:
    """The `most` hits that look most like what our garment was copied from, best first; `CANDIDATES` at least should
    have been looked for. All are judged beside the same ones, the first `LEAST_JUDGED` of the `CANDIDATES` best by S
    and those `kept`: how many are asked for changes neither the order nor the verdict on any of them.

    S takes an altered region for as much as it differs, evidence for no more than that it was altered: by the first
    the original of a copy may stand behind look-alikes, and before them by the second. `by_score`: in the order of S
    after all, where the caller weighs regions himself. Garments whose ids are `kept` stay among the hits anyhow.
    """
    found = resemblances_of(garment, hits, rules.cohort)
    scores = np.array([hit.score for hit in hits], dtype=np.float64)
    standing = scores if by_score else rules.policy.standing(evidence_in(found, rules.policy), scores)
    # Where nothing was compared nothing speaks against copying either: what only a print found stands last.
    compared = [not np.isnan(hit.cosines).all() for hit in hits]
    nearest = set(sorted(range(len(hits)), key=lambda row: (-scores[row], hits[row].item_id))[:CANDIDATES])
    order = sorted(
        range(len(hits)),
        key=lambda row: (not compared[row], row not in nearest, -standing[row], hits[row].item_id),
    )
    kept_rows = {row for row in order if hits[row].garment_id in kept}
    places = [row for place, row in enumerate(order) if place < most or row in kept_rows]
    foremost = {*order[:LEAST_JUDGED], *kept_rows}
    hits, found = [hits[row] for row in places], [found[row] for row in places]
    beside = stand_beside([hit.item_id for hit in hits], found, rules.policy, [row in foremost for row in places])
    return [WeighedHit(*parts) for parts in zip(hits, found, beside, strict=True)]


def judge_hits(
    weighed: Sequence[WeighedHit],
    weights: RegionWeights,
    rules: Rules,
    published: datetime | None,
    pictures: Mapping[str, PictureEvidence] = MappingProxyType({}),
) -> list[MatchOut]:
    """The verdict on every hit, in the order of the hits; `pictures` by the sha256 of the registered photo."""
    matches = []
    for one in weighed:
        resemblance = replace(one.resemblance, picture=pictures.get(one.hit.photo_sha256))
        match = judge(resemblance, weights, rules.policy, published, one.hit.details.published_at, one.beside)
        matches.append(MatchOut.of(one.hit, match))
    return matches


def picture_match(
    found: FoundGarment, picture: PictureEvidence, policy: Policy, published: datetime | None
) -> PictureMatchOut:
    """The verdict on a registered picture alone."""
    verdict, first, altered = judge_picture(picture, found.garment, policy, published, found.details.published_at)
    return PictureMatchOut(
        item_id=found.item_id,
        photo_id=found.photo_id,
        verdict=verdict,
        first=first,
        modified_regions=list(altered),
        picture=PictureOut.of(picture),
    )


def resemblances_of(garment: DescribedGarment, hits: Sequence[Hit], cohort: Cohort) -> list[Resemblance]:
    """One a hit; whatever is known of pictures comes later."""
    if not hits:
        return []
    ours = cohort.backgrounds(np.stack([garment.embeddings.vectors, garment.mirrored.vectors]))
    theirs = cohort.backgrounds(np.stack([hit.garment.embeddings.vectors for hit in hits]))
    return [
        Resemblance(
            garment,
            hit.garment,
            hit.score,
            hit.mirrored,
            hit.cosines,
            hit.colour_shifts,
            common_colour_change(garment.mirrored if hit.mirrored else garment.embeddings, hit.garment.embeddings),
            ours[int(hit.mirrored)],
            background,
        )
        for hit, background in zip(hits, theirs, strict=True)
    ]


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
