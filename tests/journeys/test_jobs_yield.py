"""Checks come first: bulk work starts where no check waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from tests.fakes import FakeDescriber
from tests.journeys.conftest import check, served, settings_for
from tests.journeys.test_jobs import NDJSON, finished, line_of
from tests.photos import draw_pattern, encode

LOOK_S = 0.1


class SlowDescriber(FakeDescriber):
    """Takes a while for each photo, and remembers their widths in the order it began with them."""

    def __init__(self) -> None:
        self.began: list[int] = []

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        self.began.append(image.width)
        time.sleep(LOOK_S)
        return super().describe(image, category)


async def test_of_a_job_nothing_begins_while_a_check_waits(tmp_path: Path) -> None:
    """One worker, eight lines wait before six checks come: at most what begins as they arrive is before them."""
    describer = SlowDescriber()
    capacity = {"workers": 1, "queue": 10, "most_wait_s": 30.0, "bulk_queue": 8}
    async with served(settings_for(tmp_path, capacity=capacity, jobs={"at_once": 8}), describer) as client:
        body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(40)).encode()
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        while (await client.get(f"/jobs/{job['job_id']}")).json()["done"] < 8:
            await asyncio.sleep(0.01)
        # Of another size, so that they are known apart from the job's.
        photos = [encode(draw_pattern(1_000 + n)[:, :200]) for n in range(6)]
        begun_before = len(describer.began)
        answers = await asyncio.gather(*(check(client, data) for data in photos))
        assert [answer.status_code for answer in answers] == [200] * 6
        last = len(describer.began) - 1 - describer.began[::-1].index(200)
        assert describer.began[begun_before:last].count(240) <= 2
        assert (await finished(client, job))["created"] == 40
