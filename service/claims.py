"""Claims: who works on something now, and what came of it; in Redis for all replicas, in this process without it."""

from __future__ import annotations

import time
from typing import Protocol

from service.redis_link import RedisAway, RedisLink


class Claims(Protocol):
    """One value a key for a while. No method raises because Redis is away."""

    async def claim(self, key: str, value: bytes, ttl_s: int) -> bytes | None:
        """Put a value where there is none, in one step: None where it is ours now, otherwise the value found."""

    async def settle(self, key: str, value: bytes, ttl_s: int) -> None:
        """Replace the value, whatever it was."""

    async def release(self, key: str) -> None:
        """Nobody's again."""


class LocalClaims:
    """In this process, at most `most` entries, the oldest first to go: the fallback, and the fake."""

    def __init__(self, most: int = 10_000) -> None:
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._most = most

    async def claim(self, key: str, value: bytes, ttl_s: int) -> bytes | None:
        found, until = self._entries.get(key, (b"", 0.0))
        if until > time.monotonic():
            return found
        await self.settle(key, value, ttl_s)
        return None

    async def settle(self, key: str, value: bytes, ttl_s: int) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (value, time.monotonic() + ttl_s)
        while len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    async def release(self, key: str) -> None:
        self._entries.pop(key, None)


class RedisClaims:
    """In Redis; what was claimed while it was away lies in this process."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._here = LocalClaims()

    async def claim(self, key: str, value: bytes, ttl_s: int) -> bytes | None:
        # First here: what this process did while Redis was away must not be done again when it is back.
        known = await self._here.claim(key, value, ttl_s)
        if known is not None:
            return known
        redis = self._link.redis
        try:
            found = await self._link.ask(lambda: redis.set(key, value, nx=True, get=True, ex=ttl_s))
        except RedisAway:
            return None
        await self._here.release(key)
        assert found is None or isinstance(found, bytes), "the pool decodes nothing"
        return found

    async def settle(self, key: str, value: bytes, ttl_s: int) -> None:
        redis = self._link.redis
        try:
            await self._link.ask(lambda: redis.set(key, value, ex=ttl_s))
        except RedisAway:
            await self._here.settle(key, value, ttl_s)
        else:
            await self._here.release(key)

    async def release(self, key: str) -> None:
        await self._here.release(key)
        redis = self._link.redis
        try:
            await self._link.ask(lambda: redis.delete(key))
        except RedisAway:
            pass  # the claim ends with its time
