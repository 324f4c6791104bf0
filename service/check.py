"""The whole check: cache → what is to be seen → search → verdict, for every garment of a photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from index.registry import Registry
from index.types import Hit, Query
from models.background import Cohort
from models.errors import InvalidValue
from models.scoring import common_colour_change
from models.taxonomy import RegionName, WeightGroup
from models.types import DescribedGarment
from models.weighting import RegionWeights, WeightTable
from service.access.tenancy import TenantCatalogue
from service.cache import VerdictCache, Versions
from service.capacity import Capacity, Lane
from service.checks_store import ChecksStore, new_check_id
from service.errors import ChecksUnavailable, InvalidField
from service.images import PhotoReader, SeenPhoto
from service.observability import Metrics
from service.overlay import as_data_uri, draw_overlay
from service.policy import Policy
from service.requests import CheckFields, apply_weights
from service.schemas import (
    CheckedGarmentOut,
    CheckOut,
    ImageOut,
    MatchOut,
    VersionsOut,
    WarningOut,
    garment_fields,
    warning_out,
)
from service.verdict import Resemblance, Verdict, gravest, judge


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


class PlagiarismChecker:
    """Answers checks. Raises what its parts raise: bad photos, wrong fields, Overloaded."""

    def __init__(
        self,
        reader: PhotoReader,
        registry: Registry,
        rules: Callable[[], Rules],
        verdicts: VerdictCache,
        checks: ChecksStore,
        capacity: Capacity,
        metrics: Metrics,
    ) -> None:
        self._reader = reader
        self._registry = registry
        self._rules = rules
        self._verdicts = verdicts
        self._checks = checks
        self._capacity = capacity
        self._metrics = metrics

    async def check(self, data: bytes, fields: CheckFields, tenant: str, lane: Lane = Lane.CHECKS) -> CheckOut:
        """The answer, kept under its own check id."""
        started = time.perf_counter()
        async with self._capacity.admitted(lane):
            sha256 = await self._reader.hash(data)
            catalogue = TenantCatalogue(self._registry, tenant)
            # Read before the search: an add, or other weights, meanwhile must not be hidden by a cached answer.
            rules = self._rules()
            versions = rules.versions(self._reader.models_version, catalogue.sequence)
            question = fields.fingerprint()
            remembered = await self._verdicts.get(tenant, sha256, question, versions)
            if remembered is not None:
                answer = CheckOut.model_validate_json(remembered)
            else:
                seen = await self._reader.look(data, tenant, fields.category, sha256)
                answer = await self._judge_photo(seen, fields, versions, catalogue, rules)
                answered = answer.model_dump_json().encode()
                await self._verdicts.put(tenant, sha256, question, versions, answered)
            overlay = await self._draw(data, fields, tenant) if "overlay" in fields.include else None
            timings = {} if remembered is not None else answer.timings_ms
            timings = timings | {"total": (time.perf_counter() - started) * 1e3}
            answer = answer.model_copy(
                update={
                    "check_id": new_check_id(),
                    "cached": remembered is not None,
                    "timings_ms": {stage: round(spent, 2) for stage, spent in timings.items()},
                    "overlay": overlay,
                }
            )
            self._metrics.stages(timings)
            best_scores = [garment.matches[0].score for garment in answer.garments if garment.matches]
            self._metrics.verdict(answer.verdict, best_scores)
            return await self._keep(answer, tenant)

    async def _judge_photo(
        self, seen: SeenPhoto, fields: CheckFields, versions: Versions, catalogue: TenantCatalogue, rules: Rules
    ) -> CheckOut:
        started = time.perf_counter()
        garments = [
            await self._capacity.run(self._judge_garment, garment, fields, catalogue, rules)
            for garment in seen.described.garments
        ]
        nothing = Verdict.CLEAR if garments else Verdict.NO_GARMENT
        return CheckOut(
            check_id="",
            verdict=gravest((garment.verdict for garment in garments), nothing),
            image=ImageOut.of(seen.described),
            garments=garments,
            warnings=list(dict.fromkeys(warning for garment in garments for warning in garment.warnings)),
            versions=VersionsOut.of(versions),
            timings_ms=seen.timings_ms | {"search": (time.perf_counter() - started) * 1e3},
            cached=False,
        )

    def _judge_garment(
        self, garment: DescribedGarment, fields: CheckFields, catalogue: TenantCatalogue, rules: Rules
    ) -> CheckedGarmentOut:
        weights = rules.weights_of(garment.detection.category.group, fields.weights)
        query = Query(
            garment.embeddings,
            garment.mirrored,
            weights,
            self._reader.models_version,
            top_k=fields.top_k,
            min_score=fields.min_score,
            least_weight=rules.policy.least_weight,
            filters=fields.filters(),
        )
        matches = judge_hits(garment, catalogue.search(query), weights, rules, fields.published_at)
        return CheckedGarmentOut(
            **garment_fields(garment, warnings_of(garment, rules.policy)),
            verdict=gravest((match.verdict for match in matches), Verdict.CLEAR),
            matches=matches,
        )

    async def _draw(self, data: bytes, fields: CheckFields, tenant: str) -> str:
        image = await self._reader.decode(data)
        seen = await self._reader.look(data, tenant, fields.category)
        return as_data_uri(await self._capacity.run(draw_overlay, image, seen.described))

    async def _keep(self, answer: CheckOut, tenant: str) -> CheckOut:
        kept = answer.model_copy(update={"overlay": None}).model_dump_json().encode()
        try:
            await self._capacity.run(self._checks.put, answer.check_id, tenant, kept)
        except ChecksUnavailable:
            # A full disk must not stop moderation: the answer is right, it only cannot be read again.
            return answer.model_copy(update={"warnings": [*answer.warnings, warning_out("check_not_kept")]})
        return answer


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
