"""Tasks end, also those that did not hear it the first time."""

from __future__ import annotations

import asyncio

from service.ending import end_tasks


async def test_a_task_that_swallows_its_cancellation_is_told_again() -> None:
    """As redis-py makes ours do now and then."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    async def fails() -> None:
        raise ValueError

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(60))]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks(*tasks), 30)
    assert all(task.done() for task in tasks)
    assert swallowed == 2
    await end_tasks()
