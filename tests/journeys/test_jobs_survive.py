"""Jobs go on where they were: after kill -9, and with several processes on one record."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.embedded_redis import EmbeddedRedis
from tests.journeys.conftest import served, settings_for
from tests.journeys.test_jobs import NDJSON, ZIP, finished, line_of, zip_of
from tests.journeys.test_kill_nine import ROOT, process_of
from tests.photos import one_colour, photo
from tests.policies import make_policy
from tests.postgres import Cluster

LINES = 60


def wait_for(client: httpx.Client, job: dict[str, Any], done: int) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"/jobs/{job['job_id']}").json()
        if found["done"] >= done and (done < LINES or found["status"] == "done"):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def assert_no_upload_is_left(folder: Path) -> None:
    """A moment after the end."""
    deadline = time.monotonic() + 10
    while list(folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_goes_on_after_kill_nine(tmp_path: Path) -> None:
    """Killed twice in the middle: nothing is lost, nothing is doubled, errors and answers are told once."""
    adds = zip_of({f"SKU-{n:03d}.png": photo(n) if n % 10 else one_colour(240, 300 + n) for n in range(LINES)})
    checks = "\n".join(line_of(n, item_id=f"L-{n}") if n % 10 else "{}" for n in range(LINES)).encode()
    jobs: list[dict[str, Any]] = []
    for life in range(3):
        with process_of(tmp_path) as (address, process), httpx.Client(base_url=address, timeout=30) as client:
            if life == 0:
                jobs.append(client.post("/index/bulk", content=adds, headers=ZIP).json())
                jobs.append(client.post("/check-plagiarism/bulk", content=checks, headers=NDJSON).json())
                wait_for(client, jobs[0], LINES // 3)
            elif life == 1:
                wait_for(client, jobs[0], LINES)
                wait_for(client, jobs[1], LINES // 3)
            else:
                added, checked = (wait_for(client, job, LINES) for job in jobs)
                for job in (added, checked):
                    assert (job["total"], job["done"], job["failed"]) == (LINES, LINES, LINES // 10)
                assert [e["line"] for e in added["errors"]] == list(range(1, LINES + 1, 10))
                assert {e["code"] for e in added["errors"]} == {"no_garment"}
                items = client.get("/index/items", params={"limit": 200}).json()["items"]
                assert sorted(item["item_id"] for item in items) == [f"SKU-{n:03d}" for n in range(LINES) if n % 10]
                assert all(len(item["photos"]) == 1 for item in items)
                stats = client.get("/index/stats").json()
                assert stats["sequence"] == stats["items"] == stats["searchable"] == LINES * 9 // 10
                results = client.get(f"/jobs/{checked['job_id']}/results").text.splitlines()
                assert [json.loads(result)["line"] for result in results] == list(range(1, LINES + 1))
                assert [e["line"] for e in checked["errors"]] == list(range(1, LINES + 1, 10))
                assert_no_upload_is_left(tmp_path / "jobs")
            process.send_signal(signal.SIGKILL)


async def test_a_job_goes_on_after_an_orderly_stop(tmp_path: Path) -> None:
    """At once: the lease was given back."""
    body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(LINES)).encode()
    async with served(settings_for(tmp_path)) as client:
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        while (await client.get(f"/jobs/{job['job_id']}")).json()["done"] < 5:
            await asyncio.sleep(0.01)
    async with served(settings_for(tmp_path)) as client:
        done = await finished(client, job)
        assert (done["done"], done["failed"]) == (LINES, 0)
        stats = (await client.get("/index/stats")).json()
        assert (stats["items"], stats["sequence"]) == (LINES, LINES)


async def test_a_job_whose_upload_is_gone_has_failed(tmp_path: Path) -> None:
    """A restored backup holds the record alone; the job says so, and no other is kept waiting."""
    body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(LINES)).encode()
    async with served(settings_for(tmp_path)) as client:
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        while (await client.get(f"/jobs/{job['job_id']}")).json()["done"] < 5:
            await asyncio.sleep(0.01)
    shutil.rmtree(tmp_path / "jobs")
    async with served(settings_for(tmp_path)) as client:
        failed = await finished(client, job)
        assert (failed["status"], failed["failure"]) == ("failed", "its upload cannot be read any more")
        assert 5 <= failed["done"] < LINES
        text = (await client.get("/metrics")).text
        assert "selvedge_job_lines_total{" not in text
        other = (await client.post("/index/bulk", content=line_of(1, item_id="A"), headers=NDJSON)).json()
        assert (await finished(client, other))["status"] == "done"
        assert 'selvedge_job_lines_total{kind="adds",outcome="accepted"} 1.0' in (await client.get("/metrics")).text


@pytest.fixture
async def replicas(tmp_path: Path, postgres: Cluster) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Three services on one PostgreSQL, with data dirs of their own and one folder of uploads."""
    url = postgres.new_database()
    async with AsyncExitStack() as stack:
        clients = []
        for n in range(3):
            folder = tmp_path / str(n)
            folder.mkdir()
            pace = {"lease_s": 1.0, "look_every_s": 0.1, "slice_s": 0.2, "folder": tmp_path / "jobs"}
            settings = settings_for(folder, database_url=url, jobs=pace)
            clients.append(await stack.enter_async_context(served(settings)))
        yield clients


async def test_of_several_processes_one_works_on_a_job(replicas: list[httpx.AsyncClient]) -> None:
    """Each line once, whoever it was handed to; any of them tells how far it is."""
    jobs = []
    for n, client in enumerate(replicas):
        body = "\n".join(line_of(100 * n + seed, item_id=f"SKU-{n}-{seed}") for seed in range(20)).encode()
        jobs.append((await client.post("/index/bulk", content=body, headers=NDJSON)).json())
    body = "\n".join(line_of(seed, item_id=str(seed)) for seed in range(20)).encode()
    checks = (await replicas[0].post("/check-plagiarism/bulk", content=body, headers=NDJSON)).json()
    for job in jobs:
        done = await finished(replicas[1], job)
        assert (done["done"], done["created"], done["failed"]) == (20, 20, 0)
    assert (await finished(replicas[2], checks))["done"] == 20
    results = (await replicas[1].get(f"/jobs/{checks['job_id']}/results")).text.splitlines()
    assert [json.loads(result)["item_id"] for result in results] == [str(seed) for seed in range(20)]
    items = (await replicas[0].get("/index/stats")).json()
    assert (items["items"], items["photos"]) == (60, 60)


def test_another_process_goes_on_with_the_job_of_a_dead_one(tmp_path: Path, postgres: Cluster) -> None:
    """One PostgreSQL, one Redis, one folder of uploads: once the lease has ended, and no line twice."""
    redis = EmbeddedRedis(tmp_path, 16)
    assert redis.start()
    shared = {
        "database_url": postgres.new_database(),
        "redis_url": redis.url,
        "jobs__folder": str(tmp_path / "jobs"),
        "jobs__lease_s": "1",
        "jobs__look_every_s": "0.2",
    }
    try:
        with (
            process_of(tmp_path / "a", **shared) as (first, dies),
            process_of(tmp_path / "b", **shared) as (second, _),
            httpx.Client(base_url=first, timeout=30) as submitting,
            httpx.Client(base_url=second, timeout=30) as watching,
        ):
            body = "\n".join(line_of(n, item_id=f"L-{n}") if n % 10 else "{}" for n in range(LINES)).encode()
            jobs = [submitting.post("/check-plagiarism/bulk", content=body, headers=NDJSON).json() for _ in range(2)]
            for job in jobs:
                wait_for(watching, job, 5)
            dies.send_signal(signal.SIGKILL)
            for job in jobs:
                done = wait_for(watching, job, LINES)
                assert (done["done"], done["failed"]) == (LINES, LINES // 10)
                results = watching.get(f"/jobs/{job['job_id']}/results").text.splitlines()
                assert [json.loads(result)["line"] for result in results] == list(range(1, LINES + 1))
    finally:
        redis.stop()


def test_what_add_began_on_a_data_dir_goes_on_when_it_is_opened_again(tmp_path: Path) -> None:
    """`selvedge add` in a process of its own, killed in the middle."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(LINES):
        (photos / f"SKU-{n}.png").write_bytes(photo(n))
    data_dir = tmp_path / "data"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELVEDGE_")}
    policy = tmp_path / "policy.json"
    policy.write_text(make_policy().model_dump_json())
    environment |= {"SELVEDGE_POLICY_FILE": str(policy), "SELVEDGE_REDIS_URL": "off"}
    command = [sys.executable, "-c", ADD_WITH_FAKE_MODELS, "add", str(photos), "--data-dir", str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as adding:
        deadline = time.monotonic() + 90
        while not list(data_dir.glob("photos/*/*")) or len(list(data_dir.glob("photos/*/*"))) < LINES // 4:
            assert time.monotonic() < deadline
            assert adding.poll() is None
            time.sleep(0.01)
        adding.send_signal(signal.SIGKILL)
    with process_of(data_dir) as (address, _), httpx.Client(base_url=address, timeout=30) as client:
        (job,) = client.get("/jobs").json()["jobs"]
        assert wait_for(client, job, LINES)["failed"] == 0
        stats = client.get("/index/stats").json()
        assert (stats["items"], stats["photos"], stats["sequence"]) == (LINES, LINES, LINES)


ADD_WITH_FAKE_MODELS = """
import functools
from service.app import create_app
from service.bootstrap import assemble
from service.cli import connection
from service.cli.commands import run
from tests.fakes import FakeDescriber
connection._make_app = functools.partial(
    create_app, assemble=functools.partial(assemble, make_describer=lambda _: FakeDescriber())
)
run()
"""


async def test_an_upload_that_was_left_behind_is_put_away_at_the_next_start(tmp_path: Path) -> None:
    """Killed between a job's end and the deletion of its upload; an upload that may still become a job stays."""
    body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(3)).encode()
    async with served(settings_for(tmp_path)) as client:
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        await finished(client, job)
    (tmp_path / "jobs" / job["job_id"]).mkdir(exist_ok=True)
    (tmp_path / "jobs" / "job_of_another_process").mkdir()
    async with served(settings_for(tmp_path)) as client:
        deadline = time.monotonic() + 30
        while (tmp_path / "jobs" / job["job_id"]).exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (await client.get(f"/jobs/{job['job_id']}")).json()["done"] == 3
    assert (tmp_path / "jobs" / "job_of_another_process").is_dir()
