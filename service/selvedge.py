"""A running Selvedge: its parts, whether they are ready, and how they are put away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from index.database import Database
from index.errors import CatalogueError
from index.following import Staleness
from index.registry import Registry
from index.weight_history import WeightHistory
from models.runtime.describe import Describer
from models.runtime.running import Engine
from service.access.keyring import Keyring
from service.access.rates import Rates
from service.cache_store import CacheStore
from service.canary import Canary
from service.capacity import Capacity
from service.check import PlagiarismChecker
from service.checks_store import ChecksStore
from service.claims import Claims
from service.compare import Comparer
from service.decoding.decoders import PhotoDecoder
from service.disk import DiskGuard
from service.drift import ScoreDrift
from service.embedded_redis import EmbeddedRedis
from service.ending import end_tasks
from service.erasure import CheckEraser
from service.errors import KeysUnavailable
from service.fetching.fetcher import UrlFetcher
from service.images import PhotoReader
from service.jobs.desk import JobDesk
from service.learning import WeightLearner
from service.observability import Metrics
from service.registration import Registrar
from service.rules_in_force import RulesInForce
from service.settings import Settings

_CANARY_S = 5.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether checks can be trusted now, and why not.

    Neither `redis`, which is only a cache, nor a full `disk`, which stops adds alone, nor models that fell back to a
    slower engine decide: they are told. `behind` is how far searches are behind the record; a replica that follows is
    a fraction of a second behind, which is ready.
    """

    ready: bool
    models: str
    index: str
    behind: Staleness | None
    redis: str
    access: str
    disk: str
    engines: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Selvedge:
    """Everything that answers requests."""

    settings: Settings
    describer: Describer
    registry: Registry
    rules: RulesInForce
    weights: WeightHistory
    learner: WeightLearner
    database: Database
    reader: PhotoReader
    checker: PlagiarismChecker
    registrar: Registrar
    comparer: Comparer
    checks: ChecksStore
    eraser: CheckEraser
    store: CacheStore
    keyring: Keyring
    rates: Rates
    claims: Claims
    decoder: PhotoDecoder
    fetcher: UrlFetcher | None
    capacity: Capacity
    redis: EmbeddedRedis | None
    claims_redis: EmbeddedRedis | None
    canary: Canary
    disk: DiskGuard
    jobs: JobDesk
    drift: ScoreDrift
    _running: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    async def start(self, metrics: Metrics) -> None:
        """Begin what goes on beside requests."""
        every, within = self.settings.canary.every_s, self.settings.canary.within_s
        self._running.append(asyncio.create_task(self.canary.keep_running(self.registry, every, within, metrics)))
        self._running.append(asyncio.create_task(self.rules.keep_following()))
        self._running.append(asyncio.create_task(self.eraser.keep_sweeping()))
        if self.settings.jobs.work:
            self._running.append(asyncio.create_task(self.jobs.worker.run()))

    async def readiness(self) -> Readiness:
        """Runs a canary search on a thread of its own: a full queue is busy, not unready."""
        # Asked while the canary searches: where the record hangs, so do they both.
        asking = asyncio.create_task(self._access_state())
        redis = await self._redis_state()
        behind = self.registry.staleness if self.registry.ready else None
        index = self._index_state(behind)
        if index == "ok":
            try:
                await asyncio.wait_for(asyncio.to_thread(self.canary.search, self.registry), _CANARY_S)
            except (CatalogueError, TimeoutError) as error:
                index = f"canary failed: {error or 'it took too long'}"
        access = await asking
        models = "ok" if self.canary.failure is None else f"canary failed: {self.canary.failure}"
        disk = "full: read only" if self.disk.read_only else "ok"
        engines = {
            engine.model: f"{engine.provider}, fell back from {engine.wanted}" if engine.fell_back else engine.provider
            for engine in self.engines
        }
        return Readiness(index == models == "ok", models, index, behind, redis, access, disk, engines)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What runs the networks, and the scans where those can fall back."""
        return (*self.describer.engines, *self.registry.engines)

    async def _redis_state(self) -> str:
        if self.settings.redis_url == "off":
            return "off"
        found = await asyncio.gather(self.store.reachable(), self.claims.reachable())
        return "up" if all(found) else "away"

    async def _access_state(self) -> str:
        try:
            open_to_all = await asyncio.wait_for(self.keyring.empty(), _CANARY_S)
        except (KeysUnavailable, TimeoutError):
            return "the table of keys does not answer"
        return "loopback only: no API key was made yet" if open_to_all else "by API key"

    def _index_state(self, behind: Staleness | None) -> str:
        if behind is None:
            return "not caught up"
        if behind.seconds <= self.settings.index.stale_after_s:
            return "ok"
        return f"stale: not caught up for {behind.seconds:.1f} s, at least {behind.changes} changes behind"

    async def close(self) -> None:
        """Finish what runs, then release everything; once."""
        await end_tasks(*self._running)
        await self.jobs.queue.close()
        await asyncio.to_thread(self.capacity.close)
        await self.keyring.close()
        await self.store.close()
        await self.claims.close()
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self.drift.save()
        self.decoder.close()
        self.describer.close()
        self.checks.close()
        self.registry.close()
        self.database.close()
        for redis in (self.redis, self.claims_redis):
            if redis is not None:
                redis.stop()
