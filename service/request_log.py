"""One log line, one count, one duration and, where traced, one span for every request."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.permits import Permits
from service.observability import Metrics
from service.tracing import Tracing

log = structlog.get_logger()
_UNKNOWN = "unmatched"
_QUIET = ("/livez", "/readyz", "/metrics")
HUNG_UP = 499
"""Status of a request whose caller left before an answer began (nginx's word for it)."""


class RequestLog:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._permits = Permits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = HUNG_UP

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracing.request(scope) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                # The template, not the path: ids in labels would make a series each. And from the table, not from the
                # router: refusals and replays are answered before it.
                route = self._permits.template_of(scope["method"], scope["path"]) or _UNKNOWN
                spent_s = time.perf_counter() - started
                self._metrics.request(scope["method"], route, status, spent_s)
                span.answered(route, status)
                write = log.debug if route in _QUIET else log.info
                spent_ms = round(spent_s * 1e3, 1)
                write("request", method=scope["method"], path=scope["path"], status=status, ms=spent_ms)
