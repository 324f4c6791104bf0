"""Redis is a cache: with it answers come sooner, without it they come all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from tests.fakes import FakeDescriber
from tests.journeys.conftest import add, check, door_of, served, settings_for
from tests.photos import photo
from tests.waiting import come_true


class CountingDescriber(FakeDescriber):
    """Counts what it is asked to look at."""

    def __init__(self) -> None:
        self.looks = 0

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        self.looks += 1
        return super().describe(image, category)


async def metric(client: httpx.AsyncClient, name: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


async def test_the_second_check_of_a_photo_is_cached_until_something_is_added(tmp_path: Path) -> None:
    """Its own id and timings; after an add the models' work is still remembered, the verdict is not."""
    describer = CountingDescriber()
    async with served(settings_for(tmp_path, redis_url=None), describer) as client:
        await add(client, "SKU-1", photo(1))
        looks = describer.looks
        first, second = (await check(client, photo(2))).json(), (await check(client, photo(2))).json()
        assert (first["cached"], second["cached"]) == (False, True)
        assert first["check_id"] != second["check_id"]
        assert set(second["timings_ms"]) == {"total"}
        assert second["garments"] == first["garments"]
        assert describer.looks == looks + 1
        await add(client, "SKU-2", photo(2))
        assert describer.looks == looks + 1, "the add looks again at a photo that was seen"
        third = (await check(client, photo(2))).json()
        assert (third["cached"], third["verdict"]) == (False, "image_copy")
        assert describer.looks == looks + 1
        assert (await client.get(f"/checks/{second['check_id']}")).json()["cached"] is True


async def test_other_questions_about_a_photo_are_not_answered_from_the_cache(tmp_path: Path) -> None:
    """Weights, filters, dates and the told category are part of the question."""
    async with served(settings_for(tmp_path, redis_url=None)) as client:
        await add(client, "SKU-1", photo(1), seller_id="s1")
        await check(client, photo(1))
        others = (
            {"weights": '{"collar": 5}'}, {"exclude_seller_id": "s1"}, {"top_k": "3"}, {"category": "vest"},
            {"published_at": "2026-01-01T00:00:00Z"}, {"min_score": "0.5"}, {"categories": "vest"},
        )  # fmt: skip
        for fields in others:
            assert (await check(client, photo(1), **fields)).json()["cached"] is False, fields
        assert (await check(client, photo(1), include="overlay")).json()["cached"] is True


async def test_checks_go_on_when_redis_dies_and_use_it_again_when_it_is_back(tmp_path: Path) -> None:
    """The outage shows in metrics and in readiness, which stays 200."""
    options = {"redis_url": None, "cache": {"retry_after_s": 0.2}}
    async with served(settings_for(tmp_path, **options)) as client:
        await add(client, "SKU-1", photo(1))
        await check(client, photo(1))
        assert await metric(client, "selvedge_redis_up") == 1
        opened = door_of(client).opened
        assert opened is not None and opened.redis is not None
        await asyncio.to_thread(opened.redis.stop)
        for _ in range(3):
            answer = await check(client, photo(1))
            assert (answer.status_code, answer.json()["verdict"], answer.json()["cached"]) == (200, "image_copy", False)
        assert (await add(client, "SKU-2", photo(2))).status_code == 201
        assert await metric(client, "selvedge_redis_up") == 0
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (200, "away")
        assert await asyncio.to_thread(opened.redis.start)

        async def cached() -> bool:
            return (await check(client, photo(1))).json()["cached"] is True

        await come_true(cached)
        assert await metric(client, "selvedge_redis_up") == 1


async def test_redis_switched_off_is_no_outage(tmp_path: Path) -> None:
    """Everything works, nothing is remembered."""
    async with served(settings_for(tmp_path)) as client:
        await check(client, photo(1))
        assert (await check(client, photo(1))).json()["cached"] is False
        assert (await client.get("/readyz")).json()["redis"] == "off"


async def test_a_redis_that_was_never_there_does_not_stop_the_start(tmp_path: Path) -> None:
    """Nobody listens at that address."""
    async with served(settings_for(tmp_path, redis_url="redis://127.0.0.1:1/0")) as client:
        assert (await check(client, photo(1))).status_code == 200
        assert await metric(client, "selvedge_redis_up") == 0
