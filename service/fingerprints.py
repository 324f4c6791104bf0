"""Fingerprints of requests: whether a body is the one that came before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

_BOUNDARY = b"boundary"


def fingerprint_of(scope: Scope, body: bytes) -> str:
    """The same for the same content: clients draw another multipart boundary every time."""
    kind, options = parse_options_header(Headers(scope=scope).get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if boundary:
        # Never longer than it was: many short ones would make a body of many times its size.
        body = body.replace(boundary, _BOUNDARY[: len(boundary)])
    digest = hashlib.sha256()
    for part in (kind, scope["query_string"], body):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


class HashedUpload:
    """A `receive` that hashes what it hands on; meanwhile `renew` is called about every `renew_every_s` seconds."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        renew: Callable[[], Awaitable[None]] | None = None,
        renew_every_s: float = 0.0,
    ) -> None:
        self._receive = receive
        self._renew = renew
        self._renew_every_s = renew_every_s
        self._renewed = time.monotonic()
        self._digest = hashlib.sha256()
        self._complete = False
        kind = parse_options_header(Headers(scope=scope).get("content-type", ""))[0]
        for part in (kind, scope["query_string"]):
            self._digest.update(len(part).to_bytes(8))
            self._digest.update(part)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._digest.update(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        if self._renew is not None and time.monotonic() - self._renewed > self._renew_every_s:
            self._renewed = time.monotonic()
            await self._renew()
        return message

    def fingerprint(self) -> str | None:
        """Of the whole upload; None where its end was not read."""
        return self._digest.hexdigest() if self._complete else None
