"""Metrics and administration on a listener of their own: there, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.taxonomy import RegionName
from service.access.gate import as_operator
from service.access.keys import Scope
from service.access.permits import ANYBODY, PERMITS
from service.cli.serving import refuse_strangers_without_keys
from service.errors import SettingsError
from service.settings import Settings
from tests.journeys.conftest import served, settings_for
from tests.journeys.test_access import GUARDED, make_key, send
from tests.serving import served_on_a_socket

ADMINISTRATION = [route for route, scopes in PERMITS.items() if scopes == {Scope.ADMIN} and route[1] != "/metrics"]
OPEN_HERE = {"/metrics", "/livez", "/readyz"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tmp_path_factory.mktemp("listeners"), ops_port=free_port())


@pytest.fixture(scope="module")
def admin(settings: Settings) -> dict[str, str]:
    return make_key(settings, Scope.ADMIN, tenant="default", per_minute=100_000)


@pytest.fixture(scope="module")
def listeners(settings: Settings, admin: dict[str, str]) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients without a key: of the public listener, of the operators'."""
    operators = f"http://127.0.0.1:{settings.ops_port}"
    with (
        served_on_a_socket(settings) as address,
        httpx.Client(base_url=address, timeout=30) as public,
        httpx.Client(base_url=operators, timeout=30) as ops,
    ):
        yield public, ops


def test_administration_is_served_to_admins_on_their_own_listener(
    listeners: tuple[httpx.Client, httpx.Client], settings: Settings, admin: dict[str, str]
) -> None:
    """A key is asked for there as it was here; what is set there is in force here."""
    public, ops = listeners
    assert ADMINISTRATION
    reviewer = make_key(settings, *(set(Scope) - {Scope.ADMIN}))
    for method, path in ADMINISTRATION:
        refused = send(ops, method, path, {})
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key"), path
        assert refused.headers["www-authenticate"].startswith("Bearer ")
        assert send(ops, method, path, reviewer).status_code == 403, path
        assert send(ops, method, path, admin).status_code == 200, path
        assert send(ops, method, path, make_key(settings, Scope.ADMIN, tenant="acme")).status_code == 403, path
    sent = {"weights": dict.fromkeys(RegionName, 1) | {RegionName.CHEST: 4}}
    made = ops.put("/weights/t_shirt", json=sent, headers=admin).json()
    assert public.get("/weights/t_shirt", headers=reviewer).json()["version"] == made["version"]


def test_administration_is_not_on_the_public_listener(
    listeners: tuple[httpx.Client, httpx.Client], admin: dict[str, str]
) -> None:
    """404 as a problem, to whoever asks; nothing there says that it is anywhere."""
    public, _ = listeners
    for method, path in [*ADMINISTRATION, ("GET", "/metrics")]:
        for headers in ({}, admin):
            answer = send(public, method, path, headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
    assert public.delete("/weights/t_shirt", headers=admin).headers["allow"] == "GET"
    assert public.delete("/weights/t_shirt/versions", headers=admin).status_code == 404


def test_everything_else_is_on_the_public_listener_alone(
    listeners: tuple[httpx.Client, httpx.Client], admin: dict[str, str]
) -> None:
    """Operators have metrics and health without a key, and no photo, item or check."""
    public, ops = listeners
    for method, path in PERMITS:
        if (method, path) in ADMINISTRATION:
            continue
        answer = send(ops, method, path, admin)
        assert (answer.status_code == 404) is (path not in OPEN_HERE), (method, path)
    for path in OPEN_HERE:
        assert ops.get(path).status_code == 200
    assert ops.get("/metrics").headers["content-type"].startswith("text/plain; version=")
    assert ops.get("/nothing", headers=admin).status_code == 404
    assert ops.post("/metrics", headers=admin).status_code == 404
    for method, path in set(GUARDED) - set(ADMINISTRATION) - {("GET", "/metrics")}:
        assert send(public, method, path, {}).status_code == 401, path
    assert public.get("/readyz").status_code == 200
    assert {path for (_, path), scopes in PERMITS.items() if scopes == ANYBODY} >= {"/livez", "/readyz"}


async def test_a_command_on_the_data_dir_needs_neither_listener(tmp_path: Path) -> None:
    """It asks the application in its own process."""
    async with served(settings_for(tmp_path, ops_port=free_port())) as client:
        transport = client._transport
        assert isinstance(transport, httpx.ASGITransport)
        inside = httpx.ASGITransport(app=as_operator(transport.app))
        async with httpx.AsyncClient(transport=inside, base_url="http://localhost") as operator:
            assert (await operator.get("/weights/t_shirt/versions")).status_code == 200
            assert (await operator.get("/metrics")).status_code == 200


async def test_the_port_is_given_back_and_one_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    """Twice in a row on the same one; not where another listens."""
    settings = settings_for(tmp_path, ops_port=free_port())
    for _ in range(2):
        async with served(settings), httpx.AsyncClient() as operator:
            assert (await operator.get(f"http://127.0.0.1:{settings.ops_port}/livez")).status_code == 200
    with socket.create_server(("127.0.0.1", settings.ops_port or 0)), pytest.raises(OSError, match="in use"):
        async with asyncio.timeout(30), served(settings):
            pass


def test_without_keys_the_operators_listener_too_stays_on_loopback(tmp_path: Path) -> None:
    """Its address is its own: that of the service says nothing of it."""
    assert settings_for(tmp_path, host="0.0.0.0").ops_host == "127.0.0.1"
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0 would serve everybody"):
        refuse_strangers_without_keys(settings_for(tmp_path, ops_port=9100, ops_host="0.0.0.0"))
    refuse_strangers_without_keys(settings_for(tmp_path, ops_host="0.0.0.0"))
