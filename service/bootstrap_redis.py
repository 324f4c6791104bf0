"""Opens what lies in Redis: the caches, and beside them, where no cache can push them out, kept answers."""

from __future__ import annotations

from service.cache_store import CacheStore, NoStore, RedisStore
from service.claims import Claims, LocalClaims, RedisClaims
from service.embedded_redis import EmbeddedRedis
from service.observability import Metrics
from service.redis_link import RedisLink
from service.settings import Settings


def open_store(settings: Settings, metrics: Metrics) -> tuple[EmbeddedRedis | None, CacheStore]:
    """Where caches lie, and the server that was started for them."""
    metrics.redis_up.set(0)
    if settings.redis_url == "off":
        return None, NoStore()
    redis = None
    url = settings.redis_url
    if url is None:
        redis = _started(EmbeddedRedis(settings.data_dir, settings.cache.memory_mb))
        if redis is None:
            return None, NoStore()
        url = redis.url
    return redis, RedisStore(url, settings.cache.timeout_s, settings.cache.retry_after_s, metrics.redis_up)


def open_claims(
    settings: Settings, metrics: Metrics, redis: EmbeddedRedis | None, store: CacheStore
) -> tuple[EmbeddedRedis | None, Claims]:
    """Where answers are kept for their Idempotency-Keys, and the server that was started for them.

    Beside an embedded Redis of the caches an embedded one of its own; on a Redis that was given for all it is shared.
    """
    url, own = settings.idempotency.redis_url, None
    if url is None and redis is not None:
        own = _started(EmbeddedRedis(settings.data_dir, settings.idempotency.memory_mb, "claims"))
        url = None if own is None else own.url
    if url is not None:
        metrics.claims_redis_up.set(1)
        link = RedisLink(url, settings.cache.timeout_s, settings.cache.retry_after_s, metrics.claims_redis_up)
        return own, RedisClaims(link)
    return None, RedisClaims(store.link) if isinstance(store, RedisStore) else LocalClaims()


def _started(redis: EmbeddedRedis) -> EmbeddedRedis | None:
    """None where this machine has no server, or it does not come up."""
    if redis.start():
        return redis
    redis.stop()
    return None
