"""Where cached bytes lie: Redis, the process's memory (the fake), or nowhere. Never the record, no reason to fail."""

from __future__ import annotations

import fnmatch
import time
from typing import Protocol

from prometheus_client import Gauge

from service.redis_link import RedisAway, RedisLink

_SCANNED_AT_ONCE = 1_000


class CacheStore(Protocol):
    """Bytes by key for a while. No method raises because the store is away: a get is then a miss."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    async def drop(self, pattern: str) -> bool:
        """Forget the keys of a pattern (`*` is anything); False where the store is away and may hold some again."""

    async def reachable(self) -> bool:
        """Whether the store answers now."""

    async def close(self) -> None: ...


class NoStore:
    """Remembers nothing."""

    async def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's
        return None

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        """Forgets at once."""

    async def drop(self, pattern: str) -> bool:  # noqa: ARG002 - the protocol's
        return True

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

    async def drop(self, pattern: str) -> bool:
        for key in fnmatch.filter(self._entries, pattern):
            del self._entries[key]
        return True

    async def reachable(self) -> bool:
        return True

    async def close(self) -> None:
        self._entries.clear()


class RedisStore:
    """Redis behind short time-outs and a circuit breaker (`link`, shared with rates and claims)."""

    def __init__(self, url: str, timeout_s: float, retry_after_s: float, up: Gauge | None = None) -> None:
        self.link = RedisLink(url, timeout_s, retry_after_s, up)

    async def get(self, key: str) -> bytes | None:
        try:
            found: bytes | None = await self.link.ask(lambda: self.link.redis.get(key))  # type: ignore[arg-type,return-value]
        except RedisAway:
            return None
        return found

    async def put(self, key: str, value: bytes, ttl_s: int) -> None:
        try:
            await self.link.ask(lambda: self.link.redis.set(key, value, ex=ttl_s))
        except RedisAway:
            pass  # a cache: the next one looks again

    async def drop(self, pattern: str) -> bool:
        try:
            await self.link.ask(lambda: self._drop(pattern))
        except RedisAway:
            return False
        return True

    async def reachable(self) -> bool:
        return await self.link.reachable()

    async def close(self) -> None:
        await self.link.close()

    async def _drop(self, pattern: str) -> None:
        """Looks at every key there is, a thousand at a time: for what is rare."""
        async for key in self.link.redis.scan_iter(match=pattern, count=_SCANNED_AT_ONCE):
            await self.link.redis.delete(key)
