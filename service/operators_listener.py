"""The operators' listener: metrics and health without a key, administration with one, on an address of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from service.access.gate import as_from_operators
from service.settings import Settings

_STOP_WITHIN_S = 2


class _Beside(uvicorn.Server):
    """A server beside the one that the process is for, which alone hears of signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def operators_listener(app: ASGIApp, settings: Settings) -> AsyncIterator[None]:
    """The application on `ops_port`, in this event loop, inside the block; nothing where it is unset.

    Raises OSError where the address cannot be had.
    """
    if settings.ops_port is None:
        yield
        return
    family = socket.AF_INET6 if ":" in settings.ops_host else socket.AF_INET
    with socket.create_server((settings.ops_host, settings.ops_port), family=family) as listening:
        server = _Beside(
            uvicorn.Config(
                as_from_operators(app),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_STOP_WITHIN_S,
            )
        )
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving
