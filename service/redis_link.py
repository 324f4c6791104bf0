"""The way to Redis: short time-outs and a circuit breaker that all who use it share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from prometheus_client import Gauge
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger()

T = TypeVar("T")


class RedisAway(Exception):
    """Redis does not answer, or was left alone; never leaves the service."""


class RedisLink:
    """Belongs to one event loop.

    After a failure Redis is left alone for `retry_after_s`: a dead server costs one time-out, not one a request.
    """

    def __init__(self, url: str, timeout_s: float, retry_after_s: float, up: Gauge | None = None) -> None:
        self.url = url
        # The pool's own default raises when it is empty; a short wait is right under load.
        self.pool = BlockingConnectionPool.from_url(
            url,
            max_connections=16,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            **({} if url.startswith("unix:") else {"socket_connect_timeout": timeout_s}),
            retry=Retry(NoBackoff(), 0),
        )
        self.redis = Redis(connection_pool=self.pool)
        self._retry_after_s = retry_after_s
        self._closed_until = 0.0
        self._up = up

    async def ask(self, command: Callable[[], Awaitable[T]]) -> T:
        """What Redis answers. Raises RedisAway."""
        if time.monotonic() < self._closed_until:
            raise RedisAway("left alone after a failure")
        try:
            answer = await command()
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            raise RedisAway(str(error)) from error
        if self._up is not None:
            self._up.set(1)
        return answer

    async def reachable(self) -> bool:
        """Whether it answers now."""
        try:
            await self.ask(lambda: self.redis.exists("selvedge:"))
        except RedisAway:
            return False
        return True

    async def close(self) -> None:
        await self.redis.aclose()
        await self.pool.disconnect()

    def _leave_alone(self, error: Exception) -> None:
        self._closed_until = time.monotonic() + self._retry_after_s
        if self._up is not None:
            self._up.set(0)
        log.warning("redis_away", error=str(error), retry_after_s=self._retry_after_s)
