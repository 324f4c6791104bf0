"""One log line and one count for every request."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability import Metrics

log = structlog.get_logger()
_QUIET = ("/livez", "/readyz", "/metrics")


class RequestLog:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # The template, not the path: ids in labels would make a series each.
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.request(scope["method"], route, status)
            write = log.debug if route in _QUIET else log.info
            spent_ms = round((time.perf_counter() - started) * 1e3, 1)
            write("request", method=scope["method"], path=scope["path"], status=status, ms=spent_ms)
