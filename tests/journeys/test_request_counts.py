"""Requests are counted under their route, whoever answers them; stages are timed, whatever asked for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.access.keys import Scope
from service.access.permits import Permits
from tests.journeys.conftest import add, door_of, served, settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_operators_listener import free_port
from tests.photos import photo

CHECK = "/check-plagiarism"


def requests_counted(client: httpx.AsyncClient) -> dict[tuple[str, str, str], float]:
    """(method, route, status) → how many were counted, in the histogram too."""
    text = door_of(client).metrics.exposition().decode()
    counted = re.findall(r'selvedge_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} (\S+)', text)
    timed = dict(re.findall(r'selvedge_request_seconds_count\{method="\w+",route="([^"]+)"\} (\S+)', text))
    assert {route for _, route, _, _ in counted} == set(timed)
    return {(method, route, status): float(count) for method, route, status, count in counted}


def stages_counted(client: httpx.AsyncClient) -> dict[str, float]:
    text = door_of(client).metrics.exposition().decode()
    found = re.findall(r'selvedge_stage_seconds_count\{stage="(\w+)"\} (\S+)', text)
    return {stage: float(count) for stage, count in found}


async def test_refusals_and_replays_are_counted_under_their_route(tmp_path: Path) -> None:
    """No key, another scope, too often, the same Idempotency-Key again with the same body and with another: none of
    them reaches the router."""
    settings = settings_for(tmp_path)
    ours, stranger = make_key(settings, Scope.CHECK, per_minute=4), make_key(settings, Scope.INDEX)
    async with served(settings) as client:

        async def ask(headers: dict[str, str], seed: int = 1) -> int:
            files = {"image": ("a.png", photo(seed), "image/png")}
            return (await client.post(CHECK, files=files, headers=headers)).status_code

        keyed = ours | {"Idempotency-Key": "k"}
        asked = [await ask({}), await ask(stranger), await ask(keyed), await ask(keyed), await ask(keyed, 2)]
        asked += [await ask(ours | {"Idempotency-Key": "two words"}), await ask(ours)]
        assert asked == [401, 403, 200, 200, 422, 400, 429]
        counted = requests_counted(client)
        assert {status: count for (_, route, status), count in counted.items() if route == CHECK} == {
            "401": 1, "403": 1, "200": 2, "422": 1, "400": 1, "429": 1,
        }  # fmt: skip
        assert not any(route == "unmatched" for _, route, _ in counted)


async def test_what_another_listener_has_is_counted_under_its_route_and_what_nobody_has_is_unmatched(
    tmp_path: Path,
) -> None:
    """Ids are in no label."""
    async with served(settings_for(tmp_path, ops_port=free_port())) as client:
        assert (await client.put("/weights/t_shirt", json={})).status_code == 404
        assert (await client.get("/checks/chk_1")).status_code == 404
        assert (await client.get("/nothing/of/ours")).status_code == 404
        counted = requests_counted(client)
    assert counted["PUT", "/weights/{group}", "404"] == counted["GET", "/checks/{check_id}", "404"] == 1
    assert counted["GET", "unmatched", "404"] == 1


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/index/items/a/photos/b", "/index/items/{item_id:path}/photos/{photo_id}"),
        ("DELETE", "/index/items/a/photos/b", "/index/items/{item_id:path}"),
        ("HEAD", "/index/items/a", "/index/items/{item_id:path}"),
        ("PUT", "/index/items/a", "/index/items/{item_id:path}"),
        ("POST", "/weights/learn", "/weights/learn"),
        ("GET", "/weights/learn", "/weights/learn"),
        ("GET", "/weights/dress", "/weights/{group}"),
        ("GET", "/", "/"),
        ("GET", "/unknown", None),
    ],
)
def test_a_request_has_the_template_that_the_router_would_take(method: str, path: str, template: str | None) -> None:
    """Also with a method that the path has not."""
    assert Permits().template_of(method, path) == template


async def test_adds_searches_and_comparisons_time_their_stages_too(client: httpx.AsyncClient) -> None:
    """Under the names that checks have; a comparison looks at two photos."""

    async def ask(path: str, **files: Any) -> dict[str, float]:
        """The stages that one request was timed for."""
        before = stages_counted(client)
        assert (await client.post(path, files=files)).status_code == 200
        after = stages_counted(client)
        return {stage: after[stage] - before.get(stage, 0) for stage in after if after[stage] > before.get(stage, 0)}

    seen = ("decode", "detect", "landmarks", "embed")
    assert (await add(client, "SKU-1", photo(1))).status_code == 201
    assert stages_counted(client) == dict.fromkeys((*seen, "store", "total"), 1)
    assert await ask("/search", image=photo(2)) == dict.fromkeys((*seen, "search", "total"), 1)
    assert await ask("/compare", image_a=photo(3), image_b=photo(4)) == dict.fromkeys(seen, 2) | {"total": 1}
    checked = await ask(CHECK, image=photo(5))
    assert checked == dict.fromkeys((*seen, "search", "pictures", "total"), 1)
