"""Checks are forgotten wherever something of them is kept: when somebody asks for it, and when their time is over."""

from __future__ import annotations

import asyncio
import json

import structlog

from index.errors import CatalogueError
from index.job_results import JobResults
from service.cache import forget_photo
from service.cache_store import CacheStore
from service.checks_store import ChecksStore, KeptCheck
from service.claims import Claims
from service.errors import CheckNotFound, ChecksUnavailable

log = structlog.get_logger()

_SWEEP_EVERY_S = 60.0


class CheckEraser:
    """Belongs to one event loop. What it does not reach is told in docs/security.md, "What is kept"."""

    def __init__(self, checks: ChecksStore, results: JobResults, store: CacheStore, claims: Claims) -> None:
        self._checks = checks
        self._results = results
        self._store = store
        self._claims = claims
        self._logs_left = False

    async def erase(self, check_id: str, tenant: str) -> None:
        """The check, its line in a job's results, its Idempotency-Key's answer, and what is cached of its photo.

        Raises CheckNotFound where the tenant has none, ChecksUnavailable or IndexUnavailable where it is not all gone:
        then it is still there, and to be erased again.
        """
        kept, lines = await asyncio.to_thread(self._find, check_id, tenant)
        if kept is None and not lines:
            raise CheckNotFound(f"no check {check_id!r}")
        # The check itself goes last: whoever is told that something was away can ask again.
        gone = kept is None or kept.claim is None or await self._claims.release(kept.claim)
        for sha256 in _photos_of(kept, lines):
            gone = await forget_photo(self._store, tenant, sha256) and gone
        if not gone:
            raise ChecksUnavailable("Redis is away and may still hold what was cached of the check: erase it again")
        emptied = await asyncio.to_thread(self._results.erase, list(lines))
        self._logs_left |= not (await asyncio.to_thread(self._checks.erase, check_id, tenant) and emptied)

    async def keep_sweeping(self) -> None:
        """For ever: delete the checks that are kept no longer, and what was left in logs that somebody read."""
        while True:
            try:
                await asyncio.to_thread(self._sweep)
            except (ChecksUnavailable, CatalogueError) as error:
                log.warning("checks_not_swept", error=str(error))
            await asyncio.sleep(_SWEEP_EVERY_S)

    def _sweep(self) -> None:
        swept = self._checks.sweep()
        if swept:
            log.info("checks_swept", checks=swept)
        if swept or self._logs_left:
            emptied = self._results.empty_log()
            self._logs_left = not (self._checks.empty_log() and emptied)

    def _find(self, check_id: str, tenant: str) -> tuple[KeptCheck | None, dict[int, bytes]]:
        return self._checks.find(check_id, tenant), self._results.find(check_id, tenant)


def _photos_of(kept: KeptCheck | None, lines: dict[int, bytes]) -> set[str]:
    """The sha256 of the photo, as the check itself and its line in a job's results tell it."""
    answers = [json.loads(line)["check"] for line in lines.values()]
    answers += [] if kept is None else [json.loads(kept.answer)]
    return {answer["image"]["sha256"] for answer in answers}
