"""Two photos side by side (`POST /compare`), and same-garment search (`POST /search`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.registry import Registry
from index.types import Hit, Query
from models.background import Cohort
from models.scoring import (
    colour_distance,
    colour_shifts,
    common_colour_change,
    region_cosines,
    seen_mirrored,
    weighted_score,
)
from models.types import DescribedGarment
from models.weighting import RegionWeights
from service.access.tenancy import TenantCatalogue
from service.capacity import Capacity
from service.images import PhotoReader
from service.judging import ONLY_WAIST, Rules, warnings_of
from service.observability import Metrics
from service.policy import Policy
from service.requests import CompareFields, SearchFields
from service.resemblance import Resemblance, is_same_photo
from service.schemas import GarmentOut, ImageOut, ItemOut, VersionsOut, garment_fields, match_fields
from service.schemas_compare import ComparedPhotoOut, CompareOut, FoundGarmentOut, FoundOut, PairOut, SearchOut
from service.verdict import Verdict, gravest, judge

RANKED_FOR_EACH = 10
"""Hits by S that are ranked by likeness for each one wanted: a back view of the same colour may lie deep."""
MOST_RANKED = 200


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares photos without registering anything."""

    reader: PhotoReader
    registry: Registry
    rules: Callable[[], Rules]
    capacity: Capacity
    metrics: Metrics

    async def compare(self, data_a: bytes, data_b: bytes, fields: CompareFields, tenant: str) -> CompareOut:
        """Is photo a a copy of photo b? Every garment of a with the garment of b that it resembles most."""
        started = time.perf_counter()
        rules = self.rules()
        async with self.capacity.admitted():
            seen_a = await self.reader.look(data_a, tenant, fields.category)
            seen_b = await self.reader.look(data_b, tenant, fields.category)
            garments = seen_a.described.garments, seen_b.described.garments
            pairs = await self.capacity.run(self._pair, *garments, fields, rules)
        nothing = Verdict.CLEAR if seen_a.described.garments and seen_b.described.garments else Verdict.NO_GARMENT
        stages = {stage: seen_a.timings_ms[stage] + seen_b.timings_ms[stage] for stage in seen_a.timings_ms}
        total = {"total": (time.perf_counter() - started) * 1e3}
        # Each photo's for itself: a stage is to be seen as long here as in a check.
        for timings in (seen_a.timings_ms, seen_b.timings_ms, total):
            self.metrics.stages(timings)
        stages |= total
        photos = [
            ComparedPhotoOut(
                image=ImageOut.of(seen.described),
                garments=[
                    GarmentOut(**garment_fields(garment, warnings_of(garment, rules.policy)))
                    for garment in seen.described.garments
                ],
            )
            for seen in (seen_a, seen_b)
        ]
        return CompareOut(
            verdict=gravest((pair.verdict for pair in pairs), nothing),
            photo_a=photos[0],
            photo_b=photos[1],
            pairs=pairs,
            versions=VersionsOut.of(rules.versions(self.reader.models_version, self.registry.sequence)),
            timings_ms={stage: round(spent, 2) for stage, spent in stages.items()},
        )

    async def search(self, data: bytes, fields: SearchFields, tenant: str) -> SearchOut:
        """The registered items that show the same garment, from either side: best likeness first, no verdict."""
        started = time.perf_counter()
        async with self.capacity.admitted():
            rules = self.rules()
            versions = rules.versions(self.reader.models_version, self.registry.sequence)
            catalogue = TenantCatalogue(self.registry, tenant)
            seen = await self.reader.look(data, tenant, fields.category)
            searching = time.perf_counter()
            garments = [
                await self.capacity.run(self._find, garment, fields, catalogue, rules)
                for garment in seen.described.garments
            ]
        now = time.perf_counter()
        stages = seen.timings_ms | {"search": (now - searching) * 1e3, "total": (now - started) * 1e3}
        self.metrics.stages(stages)
        return SearchOut(
            image=ImageOut.of(seen.described),
            garments=garments,
            versions=VersionsOut.of(versions),
            timings_ms={stage: round(spent, 2) for stage, spent in stages.items()},
        )

    def _find(
        self, garment: DescribedGarment, fields: SearchFields, catalogue: TenantCatalogue, rules: Rules
    ) -> FoundGarmentOut:
        bottom = garment.detection.category.is_bottom
        query = Query(
            garment.embeddings,
            garment.mirrored,
            ONLY_WAIST if bottom else RegionWeights.equal(),
            self.reader.models_version,
            top_k=min(MOST_RANKED, RANKED_FOR_EACH * fields.top_k),
            min_score=fields.min_score,
            least_weight=rules.policy.least_weight,
            filters=fields.filters(),
        )
        found = [_found(garment, hit, rules.policy) for hit in catalogue.search(query)]
        found.sort(key=lambda one: (-one.likeness, -one.score, one.item_id))
        warnings = warnings_of(garment, rules.policy)
        return FoundGarmentOut(**garment_fields(garment, warnings), hits=found[: fields.top_k])

    def _pair(
        self,
        ours: tuple[DescribedGarment, ...],
        theirs: tuple[DescribedGarment, ...],
        fields: CompareFields,
        rules: Rules,
    ) -> list[PairOut]:
        pairs = []
        for row, garment in enumerate(ours):
            weights = rules.weights_of(garment.detection.category.group, fields.weights)
            if not theirs:
                continue
            best, found = closest_garment(garment, theirs, weights, rules.cohort)
            match = judge(found, weights, rules.policy, fields.published_at_a, fields.published_at_b)
            fields_of_match = match_fields(match, found.score)
            pairs.append(PairOut(garment_a=row, garment_b=best, mirrored=found.mirrored, **fields_of_match))
        return pairs


def closest_garment(
    ours: DescribedGarment, theirs: Sequence[DescribedGarment], weights: RegionWeights, cohort: Cohort
) -> tuple[int, Resemblance]:
    """The garment of some, one at least, that ours resembles most: its place among them, and how."""
    resemblances = [compare_garments(ours, other, weights, cohort) for other in theirs]
    best = int(np.argmax([resemblance.score for resemblance in resemblances]))
    return best, resemblances[best]


def compare_garments(
    ours: DescribedGarment, theirs: DescribedGarment, weights: RegionWeights, cohort: Cohort
) -> Resemblance:
    """The better of both orientations of our garment, as the index would score it."""
    mine = cohort.backgrounds(np.stack([ours.embeddings.vectors, ours.mirrored.vectors]))
    return compare_known(ours, theirs, weights, mine, cohort.background(theirs.embeddings))


def compare_known(
    ours: DescribedGarment,
    theirs: DescribedGarment,
    weights: RegionWeights,
    our_backgrounds: npt.NDArray[np.float32],
    their_background: npt.NDArray[np.float32],
) -> Resemblance:
    """`compare_garments` where backgrounds are known: ours (2, 5), as seen and flipped, and theirs (5,)."""
    both = []
    for mirrored, embeddings in ((False, ours.embeddings), (True, ours.mirrored)):
        cosines = region_cosines(embeddings, theirs.embeddings)
        both.append(
            Resemblance(
                ours,
                theirs,
                weighted_score(cosines, weights),
                mirrored,
                cosines,
                colour_shifts(embeddings, theirs.embeddings),
                common_colour_change(embeddings, theirs.embeddings),
                our_backgrounds[int(mirrored)],
                their_background,
            )
        )
    upright, flipped = both
    return flipped if seen_mirrored(upright.score, flipped.score) else upright


def _found(garment: DescribedGarment, hit: Hit, policy: Policy) -> FoundOut:
    distance = colour_distance(garment.mirrored if hit.mirrored else garment.embeddings, hit.garment.embeddings)
    same_group = garment.detection.category.group is hit.garment.detection.category.group
    likeness = policy.same_garment.likeness().of(hit.score, distance, same_group=same_group)
    return FoundOut(
        item_id=hit.item_id,
        photo_id=hit.photo_id,
        score=round(hit.score, 4),
        likeness=round(likeness, 4),
        mirrored=hit.mirrored,
        same_photo=is_same_photo(garment, hit.garment, policy.same_photo_distance),
        item=ItemOut.of(hit.item_id, hit.details),
    )
