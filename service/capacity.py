"""Bounded concurrency: few workers, short queues, an early answer when they are full, and checks before bulk work."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from service.errors import Overloaded

T = TypeVar("T")
_SMOOTHING = 0.1
_FIRST_GUESS_S = 0.3


class Lane(StrEnum):
    """Who waits for whom: bulk work starts only where no check waits."""

    CHECKS = "checks"
    BULK = "bulk"


class CapacityWatch(Protocol):
    """Told what becomes of requests."""

    def waited(self, lane: str, waited_s: float) -> None: ...

    def refused(self, lane: str, reason: str) -> None: ...


class NobodyWatches:
    """Where nobody counts."""

    def waited(self, lane: str, waited_s: float) -> None: ...

    def refused(self, lane: str, reason: str) -> None: ...


@dataclass(slots=True, eq=False)
class _Place:
    """One admitted request: lower `number` came earlier and is served first; `begun` once it had a worker."""

    lane: Lane
    number: int
    begun: bool = False


@dataclass(slots=True, eq=False)
class _Turn:
    """A place in the queue for a worker."""

    number: int
    since: float
    given: asyncio.Future[None]

    def __lt__(self, other: _Turn) -> bool:
        return self.number < other.number


class Capacity:
    """Admits requests and runs their heavy parts on a few threads; belongs to one event loop.

    A worker goes to the oldest check that waits for one, then to bulk work, which never holds the last worker where
    there are several. A request waits once: what is left of it then runs at once, and younger ones begin later. Whoever
    waits longer than `most_wait_s`, or hangs up, leaves the queue and costs nothing more.
    """

    def __init__(
        self,
        workers: int,
        queue: int,
        bulk_queue: int = 4,
        most_wait_s: float = 5.0,
        watch: CapacityWatch | None = None,
    ) -> None:
        self._workers = workers
        self._most = {Lane.CHECKS: workers + queue, Lane.BULK: bulk_queue}
        # Threads are made as they are needed: beyond the workers only for the last steps of requests that have begun.
        self._threads = ThreadPoolExecutor(workers + sum(self._most.values()), thread_name_prefix="selvedge-work")
        self._most_wait_s = most_wait_s
        self._watch: CapacityWatch = NobodyWatches() if watch is None else watch
        self._inside = dict.fromkeys(Lane, 0)
        self._running = dict.fromkeys(Lane, 0)
        self._turns: dict[Lane, list[_Turn]] = {lane: [] for lane in Lane}
        self._numbers = itertools.count()
        self._place: ContextVar[_Place | None] = ContextVar("place", default=None)
        self._usual_s = _FIRST_GUESS_S

    @property
    def inside(self) -> int:
        """Requests admitted and not finished."""
        return sum(self._inside.values())

    def running(self, lane: Lane) -> int:
        """Pieces of work on the threads now."""
        return self._running[lane]

    def waiting(self, lane: Lane) -> int:
        """Requests in the queue for a worker."""
        return sum(not turn.given.done() for turn in self._turns[lane])

    def oldest_s(self, lane: Lane) -> float:
        """How long the first of the queue has been waiting; 0 where nobody waits."""
        since = [turn.since for turn in self._turns[lane] if not turn.given.done()]
        return max(0.0, time.monotonic() - min(since)) if since else 0.0

    def refuse_if_full(self, lane: Lane = Lane.CHECKS) -> None:
        """Ask before reading a body that could not be worked on anyway. Raises Overloaded."""
        if self._inside[lane] >= self._most[lane]:
            raise self._overloaded(lane, "full")

    @asynccontextmanager
    async def admitted(self, lane: Lane = Lane.CHECKS) -> AsyncIterator[None]:
        """Hold a place for one request. Raises Overloaded at once where none is free."""
        self.refuse_if_full(lane)
        self._inside[lane] += 1
        started = time.monotonic()
        before = self._place.get()
        self._place.set(_Place(lane, next(self._numbers)))
        try:
            yield
        finally:
            self._place.set(before)
            self._inside[lane] -= 1
            if lane is Lane.CHECKS:
                self._usual_s += _SMOOTHING * (time.monotonic() - started - self._usual_s)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run blocking work on one of the threads. Raises Overloaded where no worker is free in time.

        Cancelled while it waits, the work is dropped; cancelled while it runs, its worker is free again once it ends.
        """
        place = self._place.get() or _Place(Lane.CHECKS, next(self._numbers))
        if place.begun:
            self._running[place.lane] += 1
        else:
            await self._wait_for_worker(place)
            place.begun = True
        try:
            future = self._threads.submit(work, *arguments)
        except BaseException:
            self._give_back(place.lane)
            raise
        loop = asyncio.get_running_loop()

        def ended(_future: Future[T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._give_back, place.lane)

        future.add_done_callback(ended)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _wait_for_worker(self, place: _Place) -> None:
        turns, lane = self._turns[place.lane], place.lane
        turn = _Turn(place.number, time.monotonic(), asyncio.get_running_loop().create_future())
        heapq.heappush(turns, turn)
        self._hand_out()
        try:
            async with asyncio.timeout(self._most_wait_s):
                await turn.given
        except TimeoutError as error:
            self._leave(turn, lane)
            raise self._overloaded(lane, "waited_too_long") from error
        except BaseException:
            self._leave(turn, lane)
            raise
        self._watch.waited(lane, time.monotonic() - turn.since)

    def _leave(self, turn: _Turn, lane: Lane) -> None:
        """Out of the queue; a worker that was given at the same moment goes to the next."""
        if turn in self._turns[lane]:
            self._turns[lane].remove(turn)
            heapq.heapify(self._turns[lane])
        elif not turn.given.cancelled():
            self._give_back(lane)

    def _give_back(self, lane: Lane) -> None:
        self._running[lane] -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        """Free workers to those who wait."""
        while (lane := self._next_lane()) is not None:
            turn = heapq.heappop(self._turns[lane])
            if not turn.given.done():
                self._running[lane] += 1
                turn.given.set_result(None)

    def _next_lane(self) -> Lane | None:
        if sum(self._running.values()) >= self._workers:
            return None
        if self._turns[Lane.CHECKS]:
            return Lane.CHECKS
        most = max(1, self._workers - 1)
        return Lane.BULK if self._turns[Lane.BULK] and self._running[Lane.BULK] < most else None

    def _overloaded(self, lane: Lane, reason: str) -> Overloaded:
        self._watch.refused(lane, reason)
        return Overloaded(max(1, round(self._usual_s * self.inside / self._workers)))
