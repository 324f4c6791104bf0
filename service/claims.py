"""Claims: who works on something now, and what came of it; in Redis for all replicas, in this process without it."""

from __future__ import annotations

import time
from typing import Protocol

from service.redis_link import RedisAway, RedisLink

_ENTRY_BYTES = 400
"""What Python takes for an entry beside its key and value."""


class Claims(Protocol):
    """One value a key for a while, or for as long as there is room. No method raises because Redis is away."""

    async def claim(self, key: str, value: bytes, ttl_s: int) -> bytes | None:
        """Put a value where there is none, in one step: None where it is ours now, otherwise the value found."""

    async def settle(self, key: str, value: bytes, ttl_s: int) -> None:
        """Replace the value, whatever it was."""

    async def release(self, key: str) -> bool:
        """Nobody's again; False where Redis is away and may still hold it until its time is over."""

    async def reachable(self) -> bool:
        """Whether all who share them are asked now, not this process alone."""

    async def close(self) -> None: ...


class _Shelf:
    """Values by key, the oldest first to go; all are put for about the same time, so the oldest also ends first."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[bytes, float]] = {}
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        value, until = self._entries.get(key, (b"", 0.0))
        return value if until > time.monotonic() else None

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self.drop(key)
        self._entries[key] = (value, time.monotonic() + ttl_s)
        self.held_bytes += _size(key, value)

    def drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.held_bytes -= _size(key, entry[0])

    def drop_oldest(self) -> None:
        self.drop(next(iter(self._entries)))

    def drop_ended(self) -> None:
        now = time.monotonic()
        while self._entries and next(iter(self._entries.values()))[1] <= now:
            self.drop_oldest()


class LocalClaims:
    """In this process, in so many entries and bytes at most: the fallback, and the fake.

    Where there is no room the oldest settled values go, then the oldest claims. What went, or never fitted, is as after
    a restart: the request is worked anew if it comes again, and never gets another's answer.
    """

    def __init__(self, most: int = 10_000, most_bytes: int = 32_000_000) -> None:
        self._claimed, self._settled = _Shelf(), _Shelf()
        self._most = most
        self._most_bytes = most_bytes

    @property
    def held_bytes(self) -> int:
        """What the entries take, about."""
        return self._claimed.held_bytes + self._settled.held_bytes

    async def claim(self, key: str, value: bytes, ttl_s: int) -> bytes | None:
        settled = self._settled.get(key)
        known = self._claimed.get(key) if settled is None else settled
        if known is None:
            self._put(self._claimed, key, value, ttl_s)
        return known

    async def settle(self, key: str, value: bytes, ttl_s: int) -> None:
        self._put(self._settled, key, value, ttl_s)

    async def release(self, key: str) -> bool:
        self._claimed.drop(key)
        self._settled.drop(key)
        return True

    async def reachable(self) -> bool:
        return True

    async def close(self) -> None:
        """Nothing to release."""

    def _put(self, shelf: _Shelf, key: str, value: bytes, ttl_s: int) -> None:
        for each in (self._claimed, self._settled):
            each.drop(key)
            each.drop_ended()
        shelf.put(key, value, ttl_s)
        while self.held_bytes > self._most_bytes or len(self._claimed) + len(self._settled) > self._most:
            (self._settled if len(self._settled) else self._claimed).drop_oldest()


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES


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

    async def release(self, key: str) -> bool:
        await self._here.release(key)
        redis = self._link.redis
        try:
            await self._link.ask(lambda: redis.delete(key))
        except RedisAway:
            return False
        return True

    async def reachable(self) -> bool:
        return await self._link.reachable()

    async def close(self) -> None:
        await self._link.close()
