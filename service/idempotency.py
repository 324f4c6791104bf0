"""Idempotency-Key on POST: the same request again gets the same answer, and is worked on once.

Source: draft-ietf-httpapi-idempotency-key-header. Keys belong to a tenant and a path.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.gate import CALLER, caller_of
from service.bodies import chunks_of, counted, replaying
from service.claims import Claims
from service.door import Door
from service.errors import KeyReused, MalformedRequest, ServiceError, StillRunning
from service.problems import answer_to, problem

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
_LONGEST_KEY = 255
_LONGEST_ANSWER = 2_000_000
_NOT_KEPT = frozenset({401, 403, 408, 409, 429})
"""What another try may well answer differently; 5xx are not kept either."""
_STREAMED = frozenset({"/index/bulk", "/check-plagiarism/bulk"})
"""Uploads too large to hold: told apart by their length alone."""
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
        return self.status < 500 and self.status not in _NOT_KEPT and len(self.body) <= _LONGEST_ANSWER

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
        settings = service.settings
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if scope["path"] in _STREAMED:
            body, again = length.encode(), receive
        else:
            most = _most_bytes(settings.images.max_bytes)
            chunks = counted(chunks_of(receive), length, most, settings.uploads.pace())
            body = b"".join([chunk async for chunk in chunks])
            again = replaying(body, receive)
        name = _name(caller_of(scope).tenant, scope["path"], key)
        fingerprint = _fingerprint(body, headers.get("content-type", ""), scope["query_string"])
        running = json.dumps({"body": fingerprint}).encode()
        known = await service.claims.claim(name, running, settings.idempotency.lease_s)
        if known is not None:
            return _replay(known, fingerprint)
        return await self._work(scope, again, service.claims, name, fingerprint)

    async def _work(self, scope: Scope, receive: Receive, claims: Claims, name: str, fingerprint: str) -> _Answer:
        answer = _Answer()
        settled = False
        scope[_CLAIM] = name
        try:
            await self._app(scope, receive, answer.take)
            if answer.kept:
                # Kept before it is sent: who has seen the answer finds it again.
                keep_s = self._door.settings.idempotency.keep_s
                await claims.settle(name, _pack(answer, fingerprint), keep_s)
                settled = True
        finally:
            if not settled:
                await claims.release(name)
        return answer


def claim_of(scope: Scope) -> str | None:
    """Under which name the answer to this request will be kept; None where the caller sent no key."""
    name: str | None = scope.get(_CLAIM)
    return name


def _most_bytes(photo_bytes: int) -> int:
    """The largest body that any route reads: two photos in base64, and fields."""
    return 2 * photo_bytes * 4 // 3 + 2_000_000


def _name(tenant: str, path: str, key: str) -> str:
    asked = json.dumps([tenant, path, key])
    return f"selvedge:once:{hashlib.sha256(asked.encode()).hexdigest()}"


def _fingerprint(body: bytes, content_type: str, query: bytes) -> str:
    """The same for the same content: clients draw another multipart boundary every time."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if boundary:
        body = body.replace(boundary, b"boundary")
    digest = hashlib.sha256()
    for part in (kind, query, body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def _pack(answer: _Answer, fingerprint: str) -> bytes:
    kept = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers]
    headers = [(name, value) for name, value in kept if name in _HEADERS_KEPT]
    head = json.dumps({"body": fingerprint, "status": answer.status, "headers": headers})
    return head.encode() + b"\n" + bytes(answer.body)


def _replay(known: bytes, fingerprint: str) -> _Answer:
    """Raises KeyReused, StillRunning."""
    head, _, body = known.partition(b"\n")
    content = json.loads(head)
    if content["body"] != fingerprint:
        raise KeyReused("this Idempotency-Key was used with another body; take a new key for a new request")
    if "status" not in content:
        raise StillRunning("a request with this Idempotency-Key is in flight; ask again in a moment")
    headers = [(name.encode(), value.encode("latin-1")) for name, value in content["headers"]]
    headers += [(REPLAYED.lower().encode(), b"true"), (b"content-length", str(len(body)).encode())]
    return _Answer(content["status"], headers, bytearray(body))
