"""What the bodies of all requests hold at once: bounded, and not by a few who send slowly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import UploadsFull

STREAMED = frozenset({"/index/bulk", "/check-plagiarism/bulk"})
"""Uploads that go to the disk as they come: too large to hold."""
_HOLD = "selvedge.hold"
_STREAM_BYTES = 2_000_000
"""What of an upload is in memory on its way to the disk: `service/jobs/intake.py` writes a megabyte at once."""
_RETRY_AFTER_S = 5
_LINGERS_S = 2.0
"""Whoever is still sending after this may have to go for others."""


def _nobody_counts() -> None: ...


class BodyBudget:
    """Bytes that bodies may hold at once; belongs to one event loop.

    Where there is no room for more, the slowest of those who linger over sending is refused: many slow senders do not
    keep a quick one out. Where nobody lingers, the newcomer is. `refused` is told of each.
    """

    def __init__(self, most_bytes: int, refused: Callable[[], None] = _nobody_counts) -> None:
        self._most_bytes = most_bytes
        self._refused = refused
        self._arriving: set[Hold] = set()
        self.held_bytes = 0

    @contextmanager
    def hold(self, most_bytes: int | None = None) -> Iterator[Hold]:
        """What one request's body holds; `most_bytes` of it at a time where it is passed on."""
        hold = Hold(self, most_bytes)
        try:
            yield hold
        finally:
            self.give_back(hold)

    def add(self, hold: Hold, size: int) -> None:
        """Raises UploadsFull."""
        while self.held_bytes + size > self._most_bytes:
            slow = [one for one in self._arriving if one.held_bytes and one.lingers]
            slowest = min(slow, key=lambda one: one.bytes_per_s, default=hold)
            slowest.refuse()
            self.give_back(slowest)
            self._refused()
            hold.require_room()
        self.held_bytes += size
        hold.held_bytes += size

    def arrives(self, hold: Hold) -> None:
        self._arriving.add(hold)

    def arrived(self, hold: Hold) -> None:
        self._arriving.discard(hold)

    def give_back(self, hold: Hold) -> None:
        self._arriving.discard(hold)
        self.held_bytes -= hold.held_bytes
        hold.held_bytes = 0


class Hold:
    """A body's bytes, from when they come until the request is answered; counted once, however often they are read."""

    def __init__(self, budget: BodyBudget, most_bytes: int | None) -> None:
        self._budget = budget
        self._most_bytes = most_bytes
        self._began = time.monotonic()
        self._received = 0
        self._complete = False
        self._refused = False
        self._wait: asyncio.Timeout | None = None
        self.held_bytes = 0

    @property
    def lingers(self) -> bool:
        return time.monotonic() - self._began > _LINGERS_S

    @property
    def bytes_per_s(self) -> float:
        """Since its beginning."""
        return self._received / max(time.monotonic() - self._began, 1e-3)

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """While the body comes its sender may be refused for others."""
        if self._complete:
            yield
            return
        self._began = time.monotonic()
        self._budget.arrives(self)
        try:
            yield
            self._complete = True
        finally:
            self._budget.arrived(self)

    @asynccontextmanager
    async def waiting(self, longest_s: float) -> AsyncIterator[None]:
        """Wait for more of it. Raises TimeoutError, at once where the sender is refused meanwhile; UploadsFull."""
        self.require_room()
        try:
            async with asyncio.timeout(longest_s) as self._wait:
                yield
        finally:
            self._wait = None

    def take(self, size: int) -> None:
        """So many bytes more are held. Raises UploadsFull."""
        self.require_room()
        if self._complete:
            return
        self._received += size
        more = size if self._most_bytes is None else min(size, self._most_bytes - self.held_bytes)
        if more > 0:
            self._budget.add(self, more)

    def refuse(self) -> None:
        self._refused = True
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(asyncio.get_running_loop().time())

    def require_room(self) -> None:
        """Raises UploadsFull where the sender was refused."""
        if self._refused:
            raise uploads_full()


def uploads_full() -> UploadsFull:
    """The error of a body that there is no room for."""
    return UploadsFull(_RETRY_AFTER_S, "uploads on their way take all the room there is; try again later")


class HoldBodies:
    """ASGI middleware: what a request's body holds is given back once the request is answered or given up."""

    def __init__(self, app: ASGIApp, budget: BodyBudget) -> None:
        self._app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._budget.hold(_STREAM_BYTES if scope["path"] in STREAMED else None) as hold:
            scope[_HOLD] = hold
            await self._app(scope, receive, send)


def hold_of(scope: Mapping[str, Any]) -> Hold:
    """Under what a request's body is held; clients cannot write there."""
    hold = scope[_HOLD]
    assert isinstance(hold, Hold)
    return hold
