"""Idempotency-Key on POST: the same request again gets the same answer, and is worked on once.

Source: draft-ietf-httpapi-idempotency-key-header. Keys belong to a tenant and a path.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.gate import CALLER, caller_of
from service.bodies import beside_the_loop, chunks_of, counted, largest_json, replaying
from service.claims import Claims
from service.door import Door
from service.early_refusal import refuse_early
from service.errors import KeyReused, MalformedRequest, ServiceError, StillRunning
from service.fingerprints import HashedUpload, fingerprint_of
from service.held_bytes import STREAMED, hold_of
from service.problems import answer_to, problem
from service.selvedge import Selvedge

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
_LONGEST_KEY = 255
_LONGEST_ANSWER = 2_000_000
_NOT_KEPT = frozenset({401, 403, 408, 409, 429})
"""What another try may well answer differently; 5xx are not kept either, nor `_PASSING`."""
_PASSING = frozenset({"url_failed"})
"""Codes of a 422: the host of the photo's address did not answer in time, and may now."""
_REUSED = "this Idempotency-Key was used with another body; take a new key for a new request"
_RUNNING = "a request with this Idempotency-Key is in flight; ask again in a moment"
_CLAIM = "selvedge.claim"
_HEADERS_KEPT = ("content-type", "location")


@dataclass(slots=True)
class _Answer:
    """A response while the application sends it."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def kept(self) -> bool:
        passing = self.status == 422 and json.loads(self.body).get("code") in _PASSING
        return self.status < 500 and self.status not in _NOT_KEPT and not passing and len(self.body) <= _LONGEST_ANSWER

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": bytes(self.body)})


class Idempotency:
    """ASGI middleware, behind the gate."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or CALLER not in scope:
            await self._app(scope, receive, send)
            return
        key = Headers(scope=scope).get(HEADER)
        if key is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._once(key, scope, receive)
        except ServiceError as error:
            await answer_to(error)(scope, receive, send)
        except ClientDisconnect:
            await problem(400, "malformed_request", "the body ended before it was complete")(scope, receive, send)
        else:
            await answer.send(send)

    async def _once(self, key: str, scope: Scope, receive: Receive) -> _Answer:
        """Answer for the first time, or as before."""
        if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise MalformedRequest(f"Idempotency-Key: 1 to {_LONGEST_KEY} printable ASCII characters without blanks")
        service = self._door.service()
        name = _name(caller_of(scope).tenant, scope["path"], key)
        if scope["path"] in STREAMED:
            return await self._once_streamed(service, name, scope, receive)
        refuse_early(service, scope)
        fingerprint, again = await _read(service, scope, receive)
        running = json.dumps({"body": fingerprint}).encode()
        known = await service.claims.claim(name, running, service.settings.idempotency.lease_s)
        if known is not None:
            return _replay(known, fingerprint)
        return await self._work(service.claims, name, scope, again, lambda: fingerprint)

    async def _once_streamed(self, service: Selvedge, name: str, scope: Scope, receive: Receive) -> _Answer:
        """The same for what is too large to hold: it is compared once it has come, which is when it is hashed."""
        length = Headers(scope=scope).get("content-length", "")
        running, lease_s = json.dumps({"length": length}).encode(), service.settings.idempotency.lease_s
        known = await service.claims.claim(name, running, lease_s)
        if known is None:
            # An upload may take longer than the lease.
            renew = functools.partial(service.claims.settle, name, running, lease_s)
            upload = HashedUpload(scope, receive, renew, lease_s / 3)
            return await self._work(service.claims, name, scope, upload.receive, upload.fingerprint)
        if "status" not in _head(known):
            other = _head(known).get("length", "")
            if length and other and length != other:
                raise KeyReused(_REUSED)
            raise StillRunning(_RUNNING)
        upload, settings = HashedUpload(scope, receive), service.settings
        pace, most = settings.uploads.bulk_pace(), settings.jobs.max_bytes
        async for _ in counted(chunks_of(upload.receive), length, most, pace, hold_of(scope)):
            pass
        return _replay(known, upload.fingerprint())

    async def _work(
        self, claims: Claims, name: str, scope: Scope, receive: Receive, fingerprint: Callable[[], str | None]
    ) -> _Answer:
        """An answer is kept where the body that it answers was read to its end: only then is it known."""
        answer = _Answer()
        settled = False
        scope[_CLAIM] = name
        try:
            await self._app(scope, receive, answer.take)
            body = fingerprint()
            if answer.kept and body is not None:
                # Kept before it is sent: who has seen the answer finds it again.
                keep_s = self._door.settings.idempotency.keep_s
                await claims.settle(name, _pack(answer, body), keep_s)
                settled = True
        finally:
            if not settled:
                await claims.release(name)
        return answer


async def _read(service: Selvedge, scope: Scope, receive: Receive) -> tuple[str, Receive]:
    """The body's fingerprint, and who hands it out once more."""
    settings, headers = service.settings, Headers(scope=scope)
    length, most = headers.get("content-length", ""), largest_json(settings.images.max_bytes)
    chunks = counted(chunks_of(receive), length, most, settings.uploads.pace(), hold_of(scope))
    body = b"".join([chunk async for chunk in chunks])
    return await beside_the_loop(len(body), fingerprint_of, scope, body), replaying(body, receive)


def claim_of(scope: Scope) -> str | None:
    """Under which name the answer to this request will be kept; None where the caller sent no key."""
    name: str | None = scope.get(_CLAIM)
    return name


def _name(tenant: str, path: str, key: str) -> str:
    asked = json.dumps([tenant, path, key])
    return f"selvedge:once:{hashlib.sha256(asked.encode()).hexdigest()}"


def _pack(answer: _Answer, fingerprint: str) -> bytes:
    kept = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers]
    headers = [(name, value) for name, value in kept if name in _HEADERS_KEPT]
    head = json.dumps({"body": fingerprint, "status": answer.status, "headers": headers})
    return head.encode() + b"\n" + bytes(answer.body)


def _head(known: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(known.partition(b"\n")[0])
    return content


def _replay(known: bytes, fingerprint: str | None) -> _Answer:
    """Raises KeyReused, StillRunning."""
    content, body = _head(known), known.partition(b"\n")[2]
    if content["body"] != fingerprint:
        raise KeyReused(_REUSED)
    if "status" not in content:
        raise StillRunning(_RUNNING)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in content["headers"]]
    headers += [(REPLAYED.lower().encode(), b"true"), (b"content-length", str(len(body)).encode())]
    return _Answer(content["status"], headers, bytearray(body))
