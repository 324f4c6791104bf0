"""A worker of its own: the service takes jobs in and tells of them, another process does the work."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from service.app import create_worker_app
from service.bootstrap import assemble
from service.settings import Settings
from tests.fakes import FakeDescriber
from tests.journeys.conftest import check, served, settings_for, wait_until_ready
from tests.journeys.test_jobs import NDJSON, finished, line_of
from tests.photos import photo
from tests.waiting import come_true

LINES = 8
PACE = {"lease_s": 1.0, "look_every_s": 0.1}


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the worker, once it is ready."""
    app = create_worker_app(settings, functools.partial(assemble, make_describer=lambda _: FakeDescriber()))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await wait_until_ready(client)
            yield client


async def test_a_service_leaves_its_jobs_to_the_worker(tmp_path: Path) -> None:
    """Queued as long as there is none; then done, and searchable in the service, on one data dir and SQLite file."""
    body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(LINES)).encode()
    async with served(settings_for(tmp_path, jobs=PACE | {"work": False})) as client:
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        await asyncio.sleep(0.5)
        assert (await client.get(f"/jobs/{job['job_id']}")).json()["done"] == 0
        async with working(settings_for(tmp_path, port=8001, jobs=PACE)):
            done = await finished(client, job)
            assert (done["done"], done["created"], done["failed"]) == (LINES, LINES, 0)

        async def found() -> bool:
            matches = (await check(client, photo(3))).json()["garments"][0]["matches"]
            return bool(matches) and matches[0]["item_id"] == "SKU-3"

        await come_true(found)


async def test_a_service_that_starts_takes_no_job_from_the_worker(tmp_path: Path) -> None:
    """On SQLite whoever works gives free what was held before it; a service that does not work leaves leases alone."""
    body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(3 * LINES)).encode()
    resting = settings_for(tmp_path, jobs=PACE | {"work": False})
    async with served(resting) as client:
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
    async with working(settings_for(tmp_path, port=8001, jobs=PACE)), served(resting) as client:
        done = await finished(client, job)
        assert (done["done"], done["created"]) == (3 * LINES, 3 * LINES)


async def test_a_worker_serves_its_health_and_nothing_else(tmp_path: Path) -> None:
    """No route of the service is there, neither for reading nor for writing."""
    async with working(settings_for(tmp_path)) as worker:
        assert (await worker.get("/livez")).status_code == 200
        assert (await worker.get("/readyz")).json()["ready"] is True
        assert "selvedge_ready 1.0" in (await worker.get("/metrics")).text
        for method, path in (("GET", "/"), ("GET", "/index/items"), ("GET", "/jobs"), ("POST", "/check-plagiarism")):
            assert (await worker.request(method, path)).status_code == 404, path
