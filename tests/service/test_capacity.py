"""Few workers, a short queue, an early answer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from service.capacity import Capacity, Lane
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


class Held:
    """Work that goes on when it is told to, and remembers in which order it began."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go_on = threading.Event()

    def __call__(self, name: str) -> str:
        self.began.append(name)
        self.go_on.wait(10)
        return name


class Counted:
    """Remembers what it is told of waits and refusals."""

    def __init__(self) -> None:
        self.waits: list[str] = []
        self.refusals: list[tuple[str, str]] = []

    def waited(self, lane: str, waited_s: float) -> None:
        assert waited_s >= 0
        self.waits.append(lane)

    def refused(self, lane: str, reason: str) -> None:
        self.refusals.append((lane, reason))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)


async def test_bulk_work_waits_for_every_check() -> None:
    """Though it came first; it does not hold the last worker."""
    capacity, held = Capacity(2, 8, bulk_queue=4), Held()

    async def request(lane: Lane, name: str) -> str:
        async with capacity.admitted(lane):
            return await capacity.run(held, name)

    bulk = [asyncio.create_task(request(Lane.BULK, f"bulk {n}")) for n in range(3)]
    await until(lambda: held.began == ["bulk 0"])
    checks = [asyncio.create_task(request(Lane.CHECKS, f"check {n}")) for n in range(3)]
    await until(lambda: len(held.began) == 2)
    assert (capacity.waiting(Lane.BULK), capacity.waiting(Lane.CHECKS)) == (2, 2)
    assert capacity.oldest_s(Lane.BULK) >= capacity.oldest_s(Lane.CHECKS) > 0
    held.go_on.set()
    await asyncio.gather(*bulk, *checks)
    assert held.began[:4] == ["bulk 0", "check 0", "check 1", "check 2"]
    assert (capacity.inside, capacity.oldest_s(Lane.BULK)) == (0, 0)
    capacity.close()


async def test_a_full_bulk_lane_leaves_checks_alone() -> None:
    """And the other way round: each lane has its own bound."""
    counted = Counted()
    capacity, held = Capacity(1, 0, bulk_queue=1, watch=counted), Held()

    async def request(lane: Lane) -> str:
        async with capacity.admitted(lane):
            return await capacity.run(held, lane.value)

    inside = [asyncio.create_task(request(lane)) for lane in (Lane.BULK, Lane.CHECKS)]
    await until(lambda: capacity.inside == 2)
    for lane in Lane:
        with pytest.raises(Overloaded):
            capacity.refuse_if_full(lane)
    assert counted.refusals == [("checks", "full"), ("bulk", "full")]
    held.go_on.set()
    await asyncio.gather(*inside)
    capacity.close()


async def test_a_request_that_has_begun_does_not_queue_again() -> None:
    """Its second step runs though the worker is another's by then; who has not begun waits for both."""
    capacity, held = Capacity(1, 8), Held()
    began: list[str] = []

    async def in_two_steps() -> None:
        async with capacity.admitted():
            await capacity.run(began.append, "first step")
            await until(lambda: held.began == ["younger"])
            await capacity.run(began.append, "second step")

    async def in_one_step(name: str) -> None:
        async with capacity.admitted():
            await capacity.run(held, name)

    older, younger = asyncio.create_task(in_two_steps()), asyncio.create_task(in_one_step("younger"))
    await older
    assert began == ["first step", "second step"]
    youngest = asyncio.create_task(in_one_step("youngest"))
    await asyncio.sleep(0.02)
    assert held.began == ["younger"]
    held.go_on.set()
    await asyncio.gather(younger, youngest)
    capacity.close()


async def test_who_waits_too_long_is_refused_and_not_worked_for() -> None:
    """Queue age is bounded, not only its length."""
    counted = Counted()
    capacity, held = Capacity(1, 4, most_wait_s=0.05, watch=counted), Held()

    async def request(name: str) -> str:
        async with capacity.admitted():
            return await capacity.run(held, name)

    first = asyncio.create_task(request("first"))
    await until(lambda: held.began == ["first"])
    with pytest.raises(Overloaded):
        await request("late")
    assert (capacity.waiting(Lane.CHECKS), counted.refusals) == (0, [("checks", "waited_too_long")])
    held.go_on.set()
    assert await first == "first"
    assert await request("next") == "next"
    assert held.began == ["first", "next"]
    capacity.close()


async def test_cancelled_work_is_dropped_where_it_waits_and_frees_its_worker_where_it_runs() -> None:
    """A caller who hangs up costs no more than what is running already."""
    capacity, held = Capacity(1, 4), Held()

    async def request(name: str) -> str:
        async with capacity.admitted():
            return await capacity.run(held, name)

    running, waiting = (asyncio.create_task(request(name)) for name in ("running", "waiting"))
    await until(lambda: held.began == ["running"] and capacity.waiting(Lane.CHECKS) == 1)
    for task in (waiting, running):
        task.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert capacity.inside == 0
    third = asyncio.create_task(request("third"))
    await asyncio.sleep(0.02)
    assert held.began == ["running"], "the worker was given away while it was still busy"
    held.go_on.set()
    assert await third == "third"
    assert held.began == ["running", "third"]
    capacity.close()


async def test_however_requests_come_and_go_no_worker_is_lost() -> None:
    """Cancelled at any moment, refused or finished: in the end every worker is free."""
    capacity = Capacity(3, 40, most_wait_s=0.02)
    random = np.random.default_rng(1)

    async def request(lane: Lane, spent_s: float) -> None:
        async with capacity.admitted(lane):
            await capacity.run(time.sleep, spent_s)
            await capacity.run(time.sleep, spent_s)

    async def one(number: int) -> None:
        task = asyncio.create_task(request(Lane.BULK if number % 5 == 0 else Lane.CHECKS, random.uniform(0, 0.006)))
        await asyncio.sleep(random.uniform(0, 0.01))
        if number % 3 == 0:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Overloaded):
            await task

    for _ in range(4):
        await asyncio.gather(*(one(number) for number in range(40)))
    assert capacity.inside == 0
    held = Held()
    tasks = [asyncio.create_task(capacity.run(held, str(number))) for number in range(3)]
    await until(lambda: len(held.began) == 3)
    held.go_on.set()
    await asyncio.gather(*tasks)
    capacity.close()
