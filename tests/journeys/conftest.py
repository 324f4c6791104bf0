"""The whole service with the fake describer, real record, real index, real Valkey, over HTTP."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from models.runtime.describe import Describer
from service.app import create_app
from service.bootstrap import assemble
from service.door import Door
from service.settings import Settings, read_settings
from tests.fakes import FakeDescriber
from tests.policies import make_policy


def settings_for(folder: Path, **options: Any) -> Settings:
    """Settings of a service in this folder: no Redis, the policy of the tests, quiet.

    Photos are decoded in this process, unless a test says otherwise: a process a test would take long to start.
    """
    policy = folder / "policy.json"
    policy.write_text(make_policy().model_dump_json())
    options["images"] = {"decoders": 0} | options.get("images", {})
    return read_settings(
        {},
        **(
            {"data_dir": folder, "policy_file": policy, "demo": False, "redis_url": "off", "log": {"level": "ERROR"}}
            | options
        ),
    )


@asynccontextmanager
async def served(settings: Settings, describer: Describer | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, once it is ready."""
    fake = FakeDescriber() if describer is None else describer
    app = create_app(settings, functools.partial(assemble, make_describer=lambda _settings: fake))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await wait_until_ready(client)
            yield client


async def wait_until_ready(client: httpx.AsyncClient) -> None:
    while (await client.get("/readyz")).status_code != 200:
        assert door_of(client).failure is None, door_of(client).failure
        await asyncio.sleep(0.02)


def door_of(client: httpx.AsyncClient) -> Door:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    door = transport.app.state.door  # type: ignore[attr-defined]
    assert isinstance(door, Door)
    return door


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An empty service without Redis."""
    async with served(settings_for(tmp_path)) as ready:
        yield ready


async def add(client: httpx.AsyncClient, item_id: str, data: bytes, **fields: str) -> httpx.Response:
    return await client.post("/index/add", files={"image": ("photo", data)}, data={"item_id": item_id, **fields})


async def check(client: httpx.AsyncClient, data: bytes, **fields: str) -> httpx.Response:
    return await client.post("/check-plagiarism", files={"image": ("photo", data)}, data=fields)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set must not change a test."""
    import os

    for name in list(os.environ):
        if name.startswith("SELVEDGE_"):
            monkeypatch.delenv(name)
