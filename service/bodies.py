"""Bodies as they arrive: bytes are counted, and a sender that is too slow is not waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from service.errors import UploadTooLarge, UploadTooSlow


@dataclass(frozen=True, slots=True)
class BodyPace:
    """How slowly a body may come: the longest pause, and after a grace the least rate since its beginning."""

    pause_s: float = 10.0
    grace_s: float = 10.0
    bytes_per_s: int = 4_000


async def counted(
    chunks: AsyncIterator[bytes], announced: str, max_bytes: int, pace: BodyPace
) -> AsyncGenerator[bytes, None]:
    """The chunks; reading stops as soon as there are too many bytes, whatever `announced` (Content-Length) promised.

    Raises UploadTooLarge, UploadTooSlow.
    """
    message = f"the body has more than {max_bytes} bytes"
    if announced.isdecimal() and int(announced) > max_bytes:
        raise UploadTooLarge(message)
    received = 0
    started = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(pace.pause_s):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise UploadTooSlow(f"nothing of the body came for {pace.pause_s:g} s") from error
        if chunk is None:
            return
        received += len(chunk)
        if received > max_bytes:
            raise UploadTooLarge(message)
        spent_s = time.monotonic() - started
        if spent_s > pace.grace_s and received < pace.bytes_per_s * spent_s:
            raise UploadTooSlow(f"the body came with less than {pace.bytes_per_s} bytes a second")
        yield chunk


async def chunks_of(receive: Receive) -> AsyncGenerator[bytes, None]:
    """The body's chunks from the server. Raises ClientDisconnect."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


def replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out a body read before, then what the server says (that the client hung up)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
