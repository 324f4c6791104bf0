"""Answers under an Idempotency-Key are kept for their day: apart from the caches, which fill their Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.cache_store import RedisStore
from service.embedded_redis import EmbeddedRedis
from service.redis_link import RedisLink
from service.settings import Settings
from tests.journeys.conftest import door_of, served, settings_for
from tests.journeys.test_idempotency import CountingDescriber, post


@pytest.mark.redis
@pytest.mark.parametrize("given", [False, True], ids=["embedded", "given"])
async def test_caches_that_fill_their_memory_push_out_no_answer(tmp_path: Path, given: bool) -> None:
    """A day is a day, though caches are filled several times over meanwhile: answers have a Redis of their own."""
    options: dict[str, Any] = {"redis_url": None, "cache": {"memory_mb": 8}}
    servers = [EmbeddedRedis(tmp_path / "given", 8, name) for name in ("caches", "answers")] if given else []
    assert all(server.start() for server in servers)
    if given:
        options = {"redis_url": servers[0].url, "idempotency": {"redis_url": servers[1].url}}
    async with served(settings_for(tmp_path, **options), describer := CountingDescriber()) as client:
        first = await post(client, "k")
        store = door_of(client).service().store
        assert isinstance(store, RedisStore)
        noise = np.random.default_rng(0)
        for n in range(200):
            await store.put(f"selvedge:acme:seen:{n}", noise.bytes(200_000), 7 * 86_400)
        # Five times what fits: if kept answers lay there, they would be gone.
        assert (await store.link.redis.info("stats"))["evicted_keys"] > 100
        seen = describer.seen
        again = await post(client, "k")
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        assert describer.seen == seen
        assert (await client.get("/readyz")).json()["redis"] == "up"
        assert "selvedge_claims_redis_up 1.0" in (await client.get("/metrics")).text
    for server in servers:
        await asyncio.to_thread(server.stop)


def test_an_answer_is_kept_for_a_day_unless_the_operator_says_otherwise() -> None:
    """As docs/security.md and the contract say."""
    assert Settings().idempotency.keep_s == 86_400


async def test_an_answer_is_kept_for_as_long_as_the_settings_say(tmp_path: Path) -> None:
    """To the second, in the Redis of answers."""
    async with served(settings_for(tmp_path, redis_url=None)) as client:
        await post(client, "k")
        server = door_of(client).service().claims_redis
        assert server is not None
        link = RedisLink(server.url, 1.0, 0.2)
        (key,) = [key async for key in link.redis.scan_iter(match="selvedge:once:*")]
        assert 86_400 - 60 < await link.redis.ttl(key) <= 86_400
        await link.close()


async def test_answers_are_kept_here_while_their_redis_is_away(tmp_path: Path) -> None:
    """It shows in readiness, which stays 200, and in the metrics; caches go on."""
    options = {"redis_url": None, "cache": {"retry_after_s": 0.2}}
    async with served(settings_for(tmp_path, **options)) as client:
        service = door_of(client).service()
        assert service.claims_redis is not None
        await asyncio.to_thread(service.claims_redis.stop)
        first = await post(client, "k")
        assert (await post(client, "k")).content == first.content
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (200, "away")
        text = (await client.get("/metrics")).text
        assert "selvedge_claims_redis_up 0.0" in text and "selvedge_redis_up 1.0" in text
