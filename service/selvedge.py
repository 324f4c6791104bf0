"""A running Selvedge: its parts, whether they are ready, and how they are put away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from index.errors import CatalogueError
from index.registry import Registry
from index.types import Query
from models.types import DescribedGarment
from models.weighting import RegionWeights
from service.access.keyring import Keyring
from service.access.rates import Rates
from service.cache_store import CacheStore
from service.capacity import Capacity
from service.check import PlagiarismChecker, Rules
from service.checks_store import ChecksStore
from service.claims import Claims
from service.compare import Comparer
from service.decoding.decoders import PhotoDecoder
from service.embedded_redis import EmbeddedRedis
from service.fetching.fetcher import UrlFetcher
from service.images import PhotoReader
from service.registration import Registrar
from service.settings import Settings

_CANARY_S = 5.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether checks can be trusted now, and why not. `redis` never decides: it is only a cache."""

    ready: bool
    models: str
    index: str
    redis: str
    access: str


@dataclass(frozen=True, slots=True, eq=False)
class Selvedge:
    """Everything that answers requests. `canary` is a garment that was described at the start, None if none was."""

    settings: Settings
    registry: Registry
    rules: Rules
    reader: PhotoReader
    checker: PlagiarismChecker
    registrar: Registrar
    comparer: Comparer
    checks: ChecksStore
    store: CacheStore
    keyring: Keyring
    rates: Rates
    claims: Claims
    decoder: PhotoDecoder
    fetcher: UrlFetcher | None
    capacity: Capacity
    redis: EmbeddedRedis | None
    canary: DescribedGarment | None

    async def readiness(self) -> Readiness:
        """Runs a canary search on a thread of its own: a full queue is busy, not unready."""
        redis = "off" if self.settings.redis_url == "off" else "up" if await self.store.reachable() else "away"
        index = "not caught up" if not self.registry.ready else "stale" if self.registry.stale else "ok"
        if index == "ok" and self.canary is not None:
            try:
                await asyncio.wait_for(asyncio.to_thread(self._search_canary, self.canary), _CANARY_S)
            except (CatalogueError, TimeoutError) as error:
                index = f"canary failed: {error or 'it took too long'}"
        access = "loopback only: no API key was made yet" if await self.keyring.empty() else "by API key"
        return Readiness(index == "ok", "ok", index, redis, access)

    async def close(self) -> None:
        """Finish what runs, then release everything; once."""
        await asyncio.to_thread(self.capacity.close)
        await self.keyring.close()
        await self.store.close()
        await asyncio.to_thread(self._release)

    def _search_canary(self, garment: DescribedGarment) -> None:
        weights, version = RegionWeights.equal(), self.reader.models_version
        self.registry.search(Query(garment.embeddings, garment.mirrored, weights, version, top_k=1))

    def _release(self) -> None:
        self.decoder.close()
        self.checks.close()
        self.registry.close()
        if self.redis is not None:
            self.redis.stop()
