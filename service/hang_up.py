"""A caller who hangs up is no longer worked for: its request is cancelled, and what it had waiting is dropped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()


class HangUp:
    """ASGI middleware. Once the body is read the connection is watched until an answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = _Line(receive, send)
        work = asyncio.ensure_future(self._app(scope, line.receive, line.send))
        watch = asyncio.ensure_future(line.wait_for_the_end())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() or line.answering:
                await work
            else:
                log.info("caller_hung_up", path=scope["path"])
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)


@dataclass(slots=True, eq=False)
class _Line:
    """The connection between a caller and the application."""

    caller: Receive
    back: Send
    answering: bool = False
    _read: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> Message:
        """The application's side: the body as it comes, then the end of the connection."""
        if self._read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self.caller()
        if message["type"] == "http.disconnect":
            self._gone.set()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._read.set()
        return message

    async def send(self, message: Message) -> None:
        self.answering = True
        await self.back(message)

    async def wait_for_the_end(self) -> None:
        """Returns when the caller hung up after sending its body; the application notices earlier ends itself."""
        await self._read.wait()
        while not self._gone.is_set():
            if (await self.caller())["type"] == "http.disconnect":
                self._gone.set()
