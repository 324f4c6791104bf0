"""The whole check: cache → what is to be seen → search → verdict, for every garment of a photo."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from index.registry import Registry
from service.access.tenancy import TenantCatalogue
from service.cache import VerdictCache, Versions
from service.capacity import Capacity, Lane
from service.checks_store import ChecksStore, new_check_id
from service.errors import ChecksUnavailable
from service.images import PhotoReader
from service.judging import Rules
from service.kept_photo import as_kept
from service.observability import Metrics
from service.overlay import as_data_uri, draw_overlay
from service.photo_judge import PICTURES_NOT_COMPARED, PhotoJudge
from service.requests import CheckFields
from service.schemas import CheckOut
from service.schemas_warnings import warning_out

log = structlog.get_logger()


class PlagiarismChecker:
    """Answers checks. Raises what its parts raise: bad photos, wrong fields, Overloaded."""

    def __init__(
        self,
        reader: PhotoReader,
        registry: Registry,
        rules: Callable[[], Rules],
        verdicts: VerdictCache,
        checks: ChecksStore,
        judge: PhotoJudge,
        capacity: Capacity,
        metrics: Metrics,
        keep_photos: bool = False,
    ) -> None:
        self._reader = reader
        self._registry = registry
        self._rules = rules
        self._verdicts = verdicts
        self._checks = checks
        self._judge = judge
        self._capacity = capacity
        self._metrics = metrics
        self._keep_photos = keep_photos

    async def check(
        self, data: bytes, fields: CheckFields, tenant: str, lane: Lane = Lane.CHECKS, claim: str | None = None
    ) -> CheckOut:
        """The answer, kept under its own check id; `claim` names where an Idempotency-Key's answer will be kept."""
        started = time.perf_counter()
        async with self._capacity.admitted(lane):
            sha256 = await self._reader.hash(data)
            catalogue = TenantCatalogue(self._registry, tenant)
            # Read before the search: an add, or other weights, meanwhile must not be hidden by a cached answer.
            rules = self._rules()
            versions = rules.versions(self._reader.models_version, catalogue.sequence)
            question = fields.fingerprint()
            remembered = await self._remembered(tenant, sha256, question, versions)
            if remembered is not None:
                answer = remembered
            else:
                seen = await self._reader.look(data, tenant, fields.category, sha256)
                answer = await self._judge.judge(data, seen, fields, versions, catalogue, rules)
                if PICTURES_NOT_COMPARED not in {warning.code for warning in answer.warnings}:
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
            scores = [[match.score for match in garment.matches] for garment in answer.garments]
            self._metrics.verdict(answer.verdict, [max(own) for own in scores if own])
            photo = await self._kept_photo(data) if self._keep_photos else None
            return await self._keep(answer, tenant, claim, photo)

    async def _remembered(self, tenant: str, sha256: str, question: str, versions: Versions) -> CheckOut | None:
        """The cached answer; another release's, which this one cannot read, is none."""
        found = await self._verdicts.get(tenant, sha256, question, versions)
        try:
            return None if found is None else CheckOut.model_validate_json(found)
        except ValidationError as error:
            log.warning("cached_verdict_unreadable", sha256=sha256, error=str(error))
            return None

    async def _draw(self, data: bytes, fields: CheckFields, tenant: str) -> str:
        image = await self._reader.decode(data)
        seen = await self._reader.look(data, tenant, fields.category)
        return as_data_uri(await self._capacity.run(draw_overlay, image, seen.described))

    async def _kept_photo(self, data: bytes) -> bytes:
        # Decoded again: a cached answer has decoded nothing.
        return await self._capacity.run(as_kept, await self._reader.decode(data))

    async def _keep(self, answer: CheckOut, tenant: str, claim: str | None, photo: bytes | None) -> CheckOut:
        kept = answer.model_copy(update={"overlay": None}).model_dump_json().encode()
        try:
            await self._capacity.run(self._checks.put, answer.check_id, tenant, kept, claim, photo)
        except ChecksUnavailable:
            # A full disk must not stop moderation: the answer is right, it only cannot be read again.
            return answer.model_copy(update={"warnings": [*answer.warnings, warning_out("check_not_kept")]})
        return answer
