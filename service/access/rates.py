"""How often a key may ask: a sliding minute, counted in Redis for all replicas, in this process where Redis is away."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from service.redis_link import RedisAway, RedisLink


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a key's minute."""

    granted: bool
    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """RateLimit fields (draft-ietf-httpapi-ratelimit-headers-06), and when to come back where it was too much."""
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }
        return found if self.granted else found | {"Retry-After": str(self.reset_s)}


class Rates:
    """Counts requests by key. Without Redis each replica counts its own, which grants more, never less."""

    def __init__(self, link: RedisLink | None) -> None:
        self._link = link
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = None if link is None else SlidingWindowCounterRateLimiter(_storage(link))

    async def spend(self, key_id: str, per_minute: int) -> Allowance:
        """One request of this key."""
        if self._link is not None and self._shared is not None:
            shared = self._shared
            try:
                return await self._link.ask(lambda: _spend(shared, key_id, per_minute))
            except RedisAway:
                pass
        return await _spend(self._here, key_id, per_minute)


async def _spend(counter: SlidingWindowCounterRateLimiter, key_id: str, per_minute: int) -> Allowance:
    item = RateLimitItemPerMinute(per_minute)
    granted = await counter.hit(item, key_id)
    left = await counter.get_window_stats(item, key_id)
    reset_s = max(1, math.ceil(left.reset_time - time.time()))
    return Allowance(granted, per_minute, left.remaining if granted else 0, reset_s)


def _storage(link: RedisLink) -> RedisStorage:
    """The library's store on our pool; its own exceptions stay Redis's, which the link knows."""
    # The pool decides where to connect; the library only wants an address of a form it knows.
    pool: Any = link.pool
    return RedisStorage(
        "async+redis://pool:6379", implementation="redispy", key_prefix="selvedge:rate", connection_pool=pool
    )
