"""A check that is erased is gone from every place that held something of it, while the service runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.cache_store import RedisStore
from service.claims import LocalClaims, RedisClaims
from service.selvedge import Selvedge
from tests.journeys.conftest import add, check, door_of, served, settings_for
from tests.journeys.test_jobs import NDJSON, finished, line_of
from tests.photos import photo
from tests.waiting import come_true


async def check_once(client: httpx.AsyncClient, key: str, seed: int) -> httpx.Response:
    """A check under an Idempotency-Key."""
    files = {"image": ("a.png", photo(seed), "image/png")}
    return await client.post("/check-plagiarism", files=files, headers={"Idempotency-Key": key})


async def check_in_bulk(client: httpx.AsyncClient, *seeds: int) -> tuple[str, list[dict[str, Any]]]:
    """The address of a job's results, and the checks in them."""
    body = "\n".join(line_of(seed) for seed in seeds).encode()
    job = await finished(client, (await client.post("/check-plagiarism/bulk", content=body, headers=NDJSON)).json())
    address = f"/jobs/{job['job_id']}/results"
    return address, await results_at(client, address)


async def results_at(client: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    return [json.loads(line)["check"] for line in (await client.get(address)).text.splitlines()]


async def remembered(service: Selvedge) -> bytes:
    """Every key and value of both Redis and of the claims in this process."""
    held: list[bytes] = []
    if isinstance(service.claims, LocalClaims):
        for shelf in (service.claims._claimed, service.claims._settled):
            held += [key.encode() + b"=" + value for key, (value, _) in shelf._entries.items()]
    links = [service.store.link] if isinstance(service.store, RedisStore) else []
    links += [service.claims._link] if isinstance(service.claims, RedisClaims) else []
    for link in links:
        redis: Any = link.redis
        for key in await redis.keys("*"):
            held.append(key + b"=" + (await redis.get(key) if await redis.type(key) == b"string" else b""))
    return b"\n".join(held)


def on_disk(folder: Path) -> bytes:
    """Every byte of the data dir, and the answers of jobs unpacked."""
    data = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    with sqlite3.connect(folder / "catalogue.sqlite") as record:
        answers = [zlib.decompress(row[0]) for row in record.execute("SELECT answer FROM job_results")]
    record.close()
    return data + b"".join(answers)


@pytest.mark.parametrize("redis_url", ["off", None], ids=["here", "valkey"])
async def test_an_erased_check_is_nowhere_any_more(tmp_path: Path, redis_url: str | None) -> None:
    """Answer, replay, results of jobs, caches, Redis, and the raw bytes of the data dir; another check stays."""
    async with served(settings_for(tmp_path, redis_url=redis_url)) as client:
        service = door_of(client).service()
        await add(client, "SKU-1", photo(1))
        kept = (await check(client, photo(3))).json()
        once = (await check_once(client, "k1", 2)).json()
        results, (in_bulk, other) = await check_in_bulk(client, 2, 3)
        traces = [once["check_id"].encode(), in_bulk["check_id"].encode(), once["image"]["sha256"].encode()]
        before = on_disk(tmp_path) + await remembered(service)
        assert [trace in before for trace in traces] == [True, True, True], "nothing to erase: this test shows nothing"
        assert once["check_id"].encode() in await remembered(service)

        for erased in (once, in_bulk):
            assert (await client.delete(f"/checks/{erased['check_id']}")).status_code == 204
        assert [trace for trace in traces if trace in on_disk(tmp_path)] == []
        assert [trace for trace in traces if trace in await remembered(service)] == []
        for erased in (once, in_bulk):
            assert (await client.get(f"/checks/{erased['check_id']}")).status_code == 404
            assert (await client.delete(f"/checks/{erased['check_id']}")).status_code == 404
        assert [left["check_id"] for left in await results_at(client, results)] == [other["check_id"]]
        assert (await client.get(f"/checks/{kept['check_id']}")).json()["check_id"] == kept["check_id"]

        again = await check_once(client, "k1", 2)
        assert "idempotency-replayed" not in again.headers
        assert again.json()["cached"] is False
        assert again.json()["check_id"] != once["check_id"]


async def test_what_is_erased_while_redis_is_away_is_asked_for_again(tmp_path: Path) -> None:
    """503, and nothing is gone yet: 204 is said only where nothing is left."""
    async with served(settings_for(tmp_path, redis_url=None, cache={"retry_after_s": 0.2})) as client:
        service = door_of(client).service()
        answer = (await check_once(client, "k1", 2)).json()
        address = f"/checks/{answer['check_id']}"
        assert service.redis is not None
        await asyncio.to_thread(service.redis.stop)
        refused = await client.delete(address)
        assert (refused.status_code, refused.json()["code"]) == (503, "checks_unavailable")
        assert "retry-after" in refused.headers
        assert (await client.get(address)).status_code == 200
        assert await asyncio.to_thread(service.redis.start)
        await asyncio.sleep(0.3)
        assert (await client.delete(address)).status_code == 204


async def test_results_of_jobs_are_erased_where_checks_themselves_are_not_kept(tmp_path: Path) -> None:
    """SELVEDGE_CHECKS__KEEP_DAYS=0."""
    async with served(settings_for(tmp_path, checks={"keep_days": 0})) as client:
        results, (first, second) = await check_in_bulk(client, 2, 3)
        assert (await client.get(f"/checks/{first['check_id']}")).status_code == 404
        assert (await client.delete(f"/checks/{first['check_id']}")).status_code == 204
        assert [left["check_id"] for left in await results_at(client, results)] == [second["check_id"]]
        assert (await client.delete(f"/checks/{first['check_id']}")).status_code == 404


async def test_old_checks_go_with_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to ask for another check; the bytes are gone while the service runs."""
    monkeypatch.setattr("service.erasure._SWEEP_EVERY_S", 0.1)
    async with served(settings_for(tmp_path)) as client:
        service = door_of(client).service()
        answer = (await check(client, photo(2))).json()
        long_ago = (datetime.now(UTC) - timedelta(days=31)).replace(tzinfo=None).isoformat(sep=" ")
        with sqlite3.connect(tmp_path / "checks.sqlite") as file:
            file.execute("UPDATE checks SET created_at = ?", (long_ago,))
        file.close()
        log = tmp_path / "checks.sqlite-wal"

        async def swept() -> bool:
            return not service.checks.find(answer["check_id"], "default") and log.stat().st_size == 0

        await come_true(swept)
        assert answer["check_id"].encode() not in on_disk(tmp_path)
