"""Bodies as they arrive: bytes are counted and held where there is room, and who is too slow is not waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from service.errors import UploadTooLarge, UploadTooSlow
from service.held_bytes import Hold

T = TypeVar("T")

FIELDS_BYTES = 1_000_000
"""Room for everything that is no photo."""
_MOST_PHOTOS = 2
_LARGE = 1_000_000
"""What is done with a body of more bytes is done beside the event loop."""
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class BodyPace:
    """How slowly a body may come: the longest pause, after a grace the least rate since its beginning, and in all."""

    pause_s: float = 10.0
    grace_s: float = 10.0
    bytes_per_s: int = 4_000
    total_s: float = 60.0


def largest_form(photos: int, photo_bytes: int) -> int:
    """Bytes of the largest form with so many photos of so many bytes."""
    return photos * photo_bytes + FIELDS_BYTES


def largest_json(photo_bytes: int, photos: int = _MOST_PHOTOS) -> int:
    """Bytes of the largest JSON with so many photos, which is the largest body of all but uploads of jobs."""
    # Base64 makes four bytes of three.
    return photos * photo_bytes * 4 // 3 + FIELDS_BYTES


async def counted(
    chunks: AsyncIterator[bytes], announced: str, max_bytes: int, pace: BodyPace, hold: Hold
) -> AsyncGenerator[bytes, None]:
    """The chunks; reading stops as soon as there are too many bytes, whatever `announced` (Content-Length) promised.

    `hold` is what they are held under, until the request is answered. Raises UploadTooLarge, UploadTooSlow,
    UploadsFull.
    """
    message = f"the body has more than {max_bytes} bytes"
    if announced.isdecimal() and int(announced) > max_bytes:
        raise UploadTooLarge(message)
    received = 0
    started = time.monotonic()
    with hold.arriving():
        while (chunk := await _next(chunks, started, pace, hold)) is not None:
            received += len(chunk)
            if received > max_bytes:
                raise UploadTooLarge(message)
            spent_s = time.monotonic() - started
            if spent_s > pace.grace_s and received < pace.bytes_per_s * spent_s:
                raise UploadTooSlow(f"the body came with less than {pace.bytes_per_s} bytes a second")
            hold.take(len(chunk))
            yield chunk


async def _next(chunks: AsyncIterator[bytes], started: float, pace: BodyPace, hold: Hold) -> bytes | None:
    """The next chunk; None at the end. Raises UploadTooSlow, UploadsFull."""
    left_s = started + pace.total_s - time.monotonic()
    try:
        async with hold.waiting(min(pace.pause_s, left_s)):
            return await anext(chunks, None)
    except TimeoutError as error:
        hold.require_room()
        if left_s <= pace.pause_s:
            raise UploadTooSlow(f"the body did not come within {pace.total_s:g} s") from error
        raise UploadTooSlow(f"nothing of the body came for {pace.pause_s:g} s") from error


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
    """A `receive` that hands out a body read before, then what the server says (that the client hung up).

    In pieces, and let go of at the end: whoever takes it apart neither keeps the event loop nor finds it held twice.
    """
    given, at = body, 0
    ended = False

    async def again() -> Message:
        nonlocal given, at, ended
        if ended:
            return await receive()
        await asyncio.sleep(0)
        piece = given[at : at + _PIECE]
        at += _PIECE
        ended = at >= len(given)
        if ended:
            given = b""
        return {"type": "http.request", "body": piece, "more_body": not ended}

    return again


async def beside_the_loop(size: int, work: Callable[..., T], *arguments: object) -> T:
    """What `work` answers; on a thread where a body of `size` bytes makes it long enough to keep others waiting."""
    return await asyncio.to_thread(work, *arguments) if size > _LARGE else work(*arguments)
