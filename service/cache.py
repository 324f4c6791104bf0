"""The two caches: what the models saw of a photo (survives every add), and verdicts (of one index version)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import structlog

from models.taxonomy import Category
from models.types import DescribedPhoto
from service.cache_store import CacheStore
from service.described_bytes import pack, unpack
from service.observability import Metrics

log = structlog.get_logger()

FORMAT = 2
"""Of cached verdicts: raised where rules or fields change in the code, which no version in `Versions` tells."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What an answer depends on beside the photo; in every answer and every cache key. `index` is the sequence."""

    models: str
    weights: str
    policy: str
    index: int


class SeenCache:
    """Tenant + photo hash + models version (+ the category told) → what the models saw.

    Every tenant has entries of its own: how fast an answer comes must not tell what others have uploaded.
    """

    def __init__(self, store: CacheStore, models_version: str, ttl_s: int, metrics: Metrics) -> None:
        self._store = store
        self._models_version = models_version
        self._ttl_s = ttl_s
        self._metrics = metrics

    async def get(self, tenant: str, sha256: str, category: Category | None) -> DescribedPhoto | None:
        data = await self._store.get(self._key(tenant, sha256, category))
        photo = None
        if data is not None:
            try:
                photo = unpack(data)
            except ValueError as error:
                log.warning("cached_photo_unreadable", sha256=sha256, error=str(error))
        self._metrics.cache_lookup("seen", photo is not None)
        return photo

    async def put(self, tenant: str, photo: DescribedPhoto, category: Category | None) -> None:
        await self._store.put(self._key(tenant, photo.sha256, category), pack(photo), self._ttl_s)

    def _key(self, tenant: str, sha256: str, category: Category | None) -> str:
        return f"selvedge:{tenant}:seen:{self._models_version}:{sha256}:{category or '-'}"


class VerdictCache:
    """Tenant + photo hash + all that the verdict depends on → the answer's JSON, without its own id and timings."""

    def __init__(self, store: CacheStore, ttl_s: int, metrics: Metrics) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._metrics = metrics

    async def get(self, tenant: str, sha256: str, options: str, versions: Versions) -> bytes | None:
        found = await self._store.get(_verdict_key(tenant, sha256, options, versions))
        self._metrics.cache_lookup("verdict", found is not None)
        return found

    async def put(self, tenant: str, sha256: str, options: str, versions: Versions, answer: bytes) -> None:
        """`versions` are those read *before* the search: an add meanwhile must not be hidden by this answer."""
        await self._store.put(_verdict_key(tenant, sha256, options, versions), answer, self._ttl_s)


async def forget_photo(store: CacheStore, tenant: str, sha256: str) -> bool:
    """Drop what both caches hold of a tenant's photo, of all models; False where the store is away.

    Another check of the same photo loses time by it, nothing else.
    """
    return await store.drop(f"selvedge:{tenant}:*:{sha256}:*")


def _verdict_key(tenant: str, sha256: str, options: str, versions: Versions) -> str:
    asked = json.dumps([FORMAT, options, asdict(versions)], sort_keys=True)
    return f"selvedge:{tenant}:verdict:{sha256}:{hashlib.sha256(asked.encode()).hexdigest()[:32]}"
