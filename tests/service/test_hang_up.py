"""A caller who hangs up is not worked for; one who waits is answered, whatever it sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.hang_up import HangUp

SCOPE: dict[str, Any] = {"type": "http", "path": "/check-plagiarism", "method": "POST", "headers": []}
BODY = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}]


class Caller:
    """Sends its messages, then stays on the line until told to leave."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages: Iterator[Message] = iter(messages)
        self.leaves = asyncio.Event()
        self.heard: list[Message] = []

    async def receive(self) -> Message:
        message = next(self._messages, None)
        if message is None:
            await self.leaves.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        self.heard.append(message)


async def read_all(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            await asyncio.Event().wait()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def answering(work: asyncio.Event, seen: list[str]) -> ASGIApp:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        assert await read_all(receive) == b"ab"
        seen.append("began")
        try:
            await work.wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    return app


async def test_work_for_a_caller_who_left_is_cancelled() -> None:
    """Nothing is sent, nothing is raised."""
    work, caller = asyncio.Event(), Caller(BODY)
    seen: list[str] = []
    line = asyncio.create_task(HangUp(answering(work, seen))(SCOPE, caller.receive, caller.send))
    while not seen:
        await asyncio.sleep(0)
    caller.leaves.set()
    async with asyncio.timeout(30):
        await line
    assert (seen, caller.heard) == (["began", "cancelled"], [])


async def test_a_caller_who_stays_is_answered() -> None:
    """The line is watched, not read away."""
    work, caller = asyncio.Event(), Caller(BODY)
    seen: list[str] = []
    work.set()
    await HangUp(answering(work, seen))(SCOPE, caller.receive, caller.send)
    assert [message["type"] for message in caller.heard] == ["http.response.start", "http.response.body"]


async def test_a_caller_who_leaves_while_sending_ends_the_request() -> None:
    """The application hears of it or is cancelled: it does not hang."""
    caller = Caller(BODY[:1])
    caller.leaves.set()
    async with asyncio.timeout(30):
        await HangUp(answering(asyncio.Event(), []))(SCOPE, caller.receive, caller.send)


async def test_an_answer_once_begun_is_not_broken_off() -> None:
    """The server itself notices that nobody reads."""
    caller, ended = Caller(BODY), []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        caller.leaves.set()
        await asyncio.sleep(0.02)
        ended.append(True)

    await HangUp(app)(SCOPE, caller.receive, caller.send)
    assert ended == [True]


async def test_errors_of_the_application_go_on_outwards() -> None:
    """The middleware outside answers them."""

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("ours")

    caller = Caller(BODY)
    with pytest.raises(RuntimeError, match="ours"):
        await HangUp(app)(SCOPE, caller.receive, caller.send)


async def test_a_server_that_stops_takes_its_requests_along() -> None:
    """Cancelling from outside cancels the application, and is passed on."""
    seen: list[str] = []
    caller = Caller(BODY)
    line = asyncio.create_task(HangUp(answering(asyncio.Event(), seen))(SCOPE, caller.receive, caller.send))
    while not seen:
        await asyncio.sleep(0)
    line.cancel()
    with pytest.raises(asyncio.CancelledError):
        await line
    assert seen == ["began", "cancelled"]


async def test_other_protocols_pass_through() -> None:
    """Lifespan has no body."""
    passed: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope["type"])

    await HangUp(app)({"type": "lifespan"}, Caller([]).receive, Caller([]).send)
    assert passed == ["lifespan"]
