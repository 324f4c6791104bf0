"""Where cached bytes lie: Redis, the process's memory (the fake), or nowhere. Never the record, no reason to fail."""

from __future__ import annotations

import time
from typing import Protocol

import structlog
from prometheus_client import Gauge
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger()


class CacheStore(Protocol):
    """Bytes by key for a while. No method raises because the store is away: a get is then a miss."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    async def reachable(self) -> bool:
        """Whether the store answers now."""

    async def close(self) -> None: ...


class NoStore:
    """Remembers nothing."""

    async def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's
        return None

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        """Forgets at once."""

    async def reachable(self) -> bool:
        return False

    async def close(self) -> None:
        """Nothing to release."""


class MemoryStore:
    """The fake: keeps what it is given in this process, at most `most` entries, the oldest first to go."""

    def __init__(self, most: int = 1_000) -> None:
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._most = most

    async def get(self, key: str) -> bytes | None:
        value, until = self._entries.get(key, (b"", 0.0))
        return value if until > time.monotonic() else None

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (value, time.monotonic() + ttl_s)
        while len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    async def reachable(self) -> bool:
        return True

    async def close(self) -> None:
        self._entries.clear()


class RedisStore:
    """Redis behind short time-outs and a circuit breaker; belongs to one event loop.

    After a failure Redis is left alone for `retry_after_s`: a dead server costs one time-out, not one a request.
    """

    def __init__(self, url: str, timeout_s: float, retry_after_s: float, up: Gauge | None = None) -> None:
        # The pool's own default raises when it is empty; a short wait is right under load.
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=16,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            **({} if url.startswith("unix:") else {"socket_connect_timeout": timeout_s}),
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis(connection_pool=self._pool)
        self._retry_after_s = retry_after_s
        self._closed_until = 0.0
        self._up = up

    async def get(self, key: str) -> bytes | None:
        if time.monotonic() < self._closed_until:
            return None
        try:
            found: bytes | None = await self._redis.get(key)  # type: ignore[assignment]
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return None
        self._seen_up()
        return found

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        if time.monotonic() < self._closed_until:
            return
        try:
            await self._redis.set(key, value, ex=ttl_s)
        except (RedisError, OSError) as error:
            self._leave_alone(error)
        else:
            self._seen_up()

    async def reachable(self) -> bool:
        if time.monotonic() < self._closed_until:
            return False
        try:
            await self._redis.exists("selvedge:")
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return False
        self._seen_up()
        return True

    async def close(self) -> None:
        await self._redis.aclose()
        await self._pool.disconnect()

    def _leave_alone(self, error: Exception) -> None:
        self._closed_until = time.monotonic() + self._retry_after_s
        if self._up is not None:
            self._up.set(0)
        log.warning("redis_away", error=str(error), retry_after_s=self._retry_after_s)

    def _seen_up(self) -> None:
        if self._up is not None:
            self._up.set(1)
