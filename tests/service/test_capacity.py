"""Few workers, a short queue, an early answer."""

from __future__ import annotations

import asyncio
import threading

import pytest

from service.capacity import Capacity
from service.errors import Overloaded


async def test_no_more_run_than_there_are_workers() -> None:
    """The rest wait their turn."""
    capacity = Capacity(2, 20)
    running, most = 0, 0
    lock = threading.Lock()
    done = threading.Event()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        done.wait(0.02)
        with lock:
            running -= 1

    async def request() -> None:
        async with capacity.admitted():
            await capacity.run(work)

    await asyncio.gather(*(request() for _ in range(12)))
    capacity.close()
    assert most == 2


async def test_a_full_queue_is_refused_at_once_and_says_when_to_come_back() -> None:
    """And admits again as soon as a place is free."""
    capacity = Capacity(1, 1)
    go_on = threading.Event()

    async def request() -> None:
        async with capacity.admitted():
            await capacity.run(go_on.wait)

    inside = [asyncio.create_task(request()) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert capacity.inside == 2
    with pytest.raises(Overloaded) as refused:
        async with capacity.admitted():
            raise AssertionError("admitted beyond the queue")
    assert refused.value.retry_after_s >= 1
    go_on.set()
    await asyncio.gather(*inside)
    async with capacity.admitted():
        assert capacity.inside == 1
    assert capacity.inside == 0
    capacity.close()


async def test_a_failed_request_gives_its_place_back() -> None:
    """One bad image must not cost a place for ever."""
    capacity = Capacity(1, 0)

    def fail() -> None:
        raise ValueError("bad")

    for _ in range(5):
        with pytest.raises(ValueError, match="bad"):
            async with capacity.admitted():
                await capacity.run(fail)
    assert capacity.inside == 0
    capacity.close()
