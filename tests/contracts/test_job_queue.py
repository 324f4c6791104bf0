"""What every queue of jobs must do; run in this process, on the embedded Valkey and, where it is installed, Redis."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from service.embedded_redis import EmbeddedRedis
from service.jobs.queue import JobQueue, LocalQueue, StreamQueue
from tests.contracts.test_cache import redis_server

IDLE_S = 0.5
WITHIN_S = 5.0
Open = Callable[[], JobQueue]


@pytest_asyncio.fixture(params=["local", "valkey", "redis"])
async def join(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Another worker's end of one queue; in this process there is only one."""
    opened: list[JobQueue] = []
    if request.param == "local":
        local = LocalQueue(IDLE_S)
        yield lambda: local
        return

    def on(url: str) -> Open:
        def join() -> JobQueue:
            opened.append(StreamQueue(url, "selvedge:jobs:test", IDLE_S))
            return opened[-1]

        return join

    if request.param == "valkey":
        embedded = EmbeddedRedis(tmp_path, 16)
        assert embedded.start()
        yield on(embedded.url)
        for queue in opened:
            await queue.close()
        embedded.stop()
    else:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed; .ci/install-tools brings it")
        with redis_server(tmp_path) as url:
            yield on(url)
            for queue in opened:
                await queue.close()


async def take(queue: JobQueue) -> str:
    handed = await queue.next(WITHIN_S)
    assert handed is not None
    await handed.acknowledge()
    return handed.job_id


async def test_jobs_are_handed_out_in_the_order_they_were_announced(join: Open) -> None:
    """Those that were announced before anybody asked, too."""
    queue = join()
    for name in "abc":
        await queue.announce(name)
    assert [await take(queue) for _ in range(3)] == ["a", "b", "c"]
    assert await queue.next(0.1) is None


async def test_who_waits_is_given_the_next_one(join: Open) -> None:
    """Within a moment."""
    queue = join()
    waiting = asyncio.create_task(take(queue))
    await asyncio.sleep(0.1)
    await queue.announce("a")
    assert await waiting == "a"


async def test_each_is_handed_to_one_worker(join: Open) -> None:
    """However many ask."""
    workers = [join(), join()]
    for n in range(10):
        await workers[0].announce(str(n))
    taken: list[str] = []

    async def work(queue: JobQueue) -> None:
        while (handed := await queue.next(1.5)) is not None:
            taken.append(handed.job_id)
            await handed.acknowledge()

    await asyncio.gather(*map(work, workers))
    assert sorted(taken, key=int) == [str(n) for n in range(10)]


async def test_what_is_not_acknowledged_is_handed_out_again(join: Open) -> None:
    """To whoever asks, once it has been idle; the library looks after the next announcement."""
    dead, alive = join(), join()
    await dead.announce("a")
    handed = await dead.next(WITHIN_S)
    assert handed is not None
    await asyncio.sleep(IDLE_S + 0.2)
    await alive.announce("b")
    assert {await take(alive), await take(alive)} == {"a", "b"}
    assert await alive.next(0.1) is None


async def test_nothing_raises_while_the_server_is_away(tmp_path: Path) -> None:
    """And what is announced once it is back, empty, is handed out."""
    embedded = EmbeddedRedis(tmp_path, 16)
    assert embedded.start()
    queue = StreamQueue(embedded.url, "selvedge:jobs:test", IDLE_S)
    await queue.announce("a")
    assert await take(queue) == "a"
    await asyncio.to_thread(embedded.stop)
    await queue.announce("b")
    assert await queue.next(0.2) is None
    assert await asyncio.to_thread(embedded.start)
    assert await queue.next(0.2) is None
    await queue.announce("c")
    assert await take(queue) == "c"
    await queue.close()
    embedded.stop()
