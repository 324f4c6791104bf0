"""How commands reach the service: over HTTP to a running one, or the same application in this process.

Both speak the REST contract, so that what the command line does is what every other caller does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from service.cli.data_dir import hold_data_dir
from service.errors import ServiceError
from service.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

READY_WITHIN_S = 60.0
IN_VAIN = ("could not start", "selvedge index reembed")
"""What /readyz says where waiting longer helps nobody."""
REQUEST_TIMEOUT_S = 60.0


class Refused(ServiceError):
    """The service refused a request; `str()` is its own words."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({status} {code})" if code else f"{detail} ({status})")
        self.status = status
        self.code = code


class Unreachable(ServiceError):
    """No service answers at the address, or it does not become ready."""


@asynccontextmanager
async def connect(url: str | None, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service at `url`, or, without one, of the application in this process on its data dir.

    Raises DataDirInUse, Unreachable.
    """
    if url is not None:
        key = settings.api_key
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=REQUEST_TIMEOUT_S) as client:
            await _wait_until_ready(client)
            yield client
        return
    with hold_data_dir(settings.data_dir):
        app = _make_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=_as_operator(app))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://selvedge.local", timeout=REQUEST_TIMEOUT_S
            ) as client:
                await _wait_until_ready(client)
                yield client


async def ask(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    """One request. Raises Refused with the service's words, Unreachable."""
    try:
        response = await client.request(method, path, **options)
    except httpx.TransportError as error:
        raise Unreachable(f"no service answers at {client.base_url}: {error}") from error
    if response.is_success:
        return response
    try:
        problem = response.json()
        raise Refused(response.status_code, str(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(response.status_code, "", response.reason_phrase) from error


async def _wait_until_ready(client: httpx.AsyncClient) -> None:
    """Ask /readyz until it says yes, or that it never will."""
    deadline = time.monotonic() + READY_WITHIN_S
    pause = 0.05
    while True:
        try:
            response = await client.get("/readyz")
        except httpx.TransportError as error:
            raise Unreachable(f"no service answers at {client.base_url}: {error}") from error
        if response.is_success:
            return
        reason = _reason(response)
        if any(words in reason for words in IN_VAIN) or time.monotonic() > deadline:
            raise Unreachable(f"the service is not ready: {reason}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1.0)


def _reason(response: httpx.Response) -> str:
    """Why /readyz said no, in its own words."""
    try:
        content = response.json()
    except ValueError:
        content = None
    reason = content.get("reason") or content.get("index") if isinstance(content, dict) else None
    return str(reason or f"{response.status_code} {response.reason_phrase}")


def _as_operator(app: FastAPI) -> ASGIApp:
    from service.access.gate import as_operator

    return as_operator(app)


def _make_app(settings: Settings) -> FastAPI:
    # Imported here: the networks' engine takes a second to load, which `--help` should not wait for.
    from service.app import create_app

    return create_app(settings)
