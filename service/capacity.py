"""Bounded concurrency: few workers, a short queue, an early answer when both are full."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from service.errors import Overloaded

T = TypeVar("T")
_SMOOTHING = 0.1


class Capacity:
    """Admits requests and runs their heavy parts on a few threads; belongs to one event loop."""

    def __init__(self, workers: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="selvedge-work")
        self._workers = workers
        self._most = workers + queue
        self._inside = 0
        self._usual_s = 0.3

    @property
    def inside(self) -> int:
        """Requests admitted and not finished."""
        return self._inside

    def refuse_if_full(self) -> None:
        """Ask before reading a body that could not be worked on anyway. Raises Overloaded."""
        if self._inside >= self._most:
            raise Overloaded(max(1, round(self._usual_s * self._inside / self._workers)))

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Hold a place for one request. Raises Overloaded at once where none is free."""
        self.refuse_if_full()
        self._inside += 1
        started = time.monotonic()
        try:
            yield
        finally:
            self._inside -= 1
            self._usual_s += _SMOOTHING * (time.monotonic() - started - self._usual_s)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run blocking work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
