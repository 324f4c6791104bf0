"""Waiting for what comes true by itself: machines that run tests are busy, and a fixed sleep is too short one day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

WITHIN_S = 30.0
"""Far beyond what is promised anywhere; a test that waits so long has failed."""


def wait_for(condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Return as soon as `condition` is true; fails after `within_s` seconds."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


async def come_true(condition: Callable[[], Awaitable[object]], within_s: float = WITHIN_S) -> None:
    """The same for what is asked of a running loop."""
    until = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < until, "it did not come true"
        await asyncio.sleep(0.02)
