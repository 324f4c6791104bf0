"""What bodies hold together is bounded, given back, and not kept by those who linger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from service import held_bytes
from service.bodies import BodyPace, counted
from service.errors import UploadsFull, UploadTooLarge, UploadTooSlow
from service.held_bytes import BodyBudget, Hold

PACE = BodyPace(pause_s=5.0, grace_s=5.0, total_s=5.0)


async def chunks(*sizes: int, then: asyncio.Event | None = None, every_s: float = 0.0) -> AsyncGenerator[bytes, None]:
    """Of these sizes; with `then` the last is followed by a pause until it is set."""
    for size in sizes:
        yield bytes(size)
        await asyncio.sleep(every_s)
    if then is not None:
        await then.wait()


async def read(source: AsyncIterator[bytes], hold: Hold, pace: BodyPace = PACE, most: int = 10_000) -> int:
    return sum([len(chunk) async for chunk in counted(source, "", most, pace, hold)])


async def test_bytes_are_held_until_the_request_ends_and_counted_once() -> None:
    """However often they are read again."""
    budget = BodyBudget(100)
    with budget.hold() as hold:
        assert await read(chunks(30, 30), hold) == 60
        assert budget.held_bytes == 60
        assert await read(chunks(60), hold) == 60
        assert budget.held_bytes == 60
    assert budget.held_bytes == 0


async def test_the_newcomer_is_refused_where_nobody_lingers() -> None:
    """And whoever was refused holds nothing more."""
    refused: list[None] = []
    budget = BodyBudget(100, lambda: refused.append(None))
    with budget.hold() as first, budget.hold() as second:
        await read(chunks(80), first)
        with pytest.raises(UploadsFull) as error:
            await read(chunks(15, 15), second)
        assert error.value.retry_after_s > 0
        assert (budget.held_bytes, len(refused)) == (80, 1)
        with pytest.raises(UploadsFull):
            await read(chunks(1), second)


@pytest.mark.parametrize("failing", ["too large", "too slow", "gone"])
async def test_what_a_failed_body_held_is_given_back(failing: str) -> None:
    """Whatever it failed of."""
    budget = BodyBudget(100)
    with contextlib.suppress(UploadTooLarge, UploadTooSlow, asyncio.CancelledError), budget.hold() as hold:
        if failing == "too large":
            await read(chunks(30, 30), hold, most=40)
        elif failing == "too slow":
            await read(chunks(30, then=asyncio.Event()), hold, BodyPace(pause_s=0.01))
        else:
            await read(chunks(30), hold)
            raise asyncio.CancelledError
    assert budget.held_bytes == 0


async def test_the_slowest_who_lingers_goes_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, although it waits for its next bytes; a quicker one stays, and so does one that has come."""
    monkeypatch.setattr(held_bytes, "_LINGERS_S", 0.05)
    budget, never = BodyBudget(100), asyncio.Event()
    with budget.hold() as there, budget.hold() as slow, budget.hold() as quicker, budget.hold() as new:
        await read(chunks(5), there)
        lingering = [
            asyncio.create_task(read(chunks(30, then=never), slow)),
            asyncio.create_task(read(chunks(50, then=never), quicker)),
        ]
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(read(chunks(40), new), 1) == 40
        with pytest.raises(UploadsFull):
            await asyncio.wait_for(lingering[0], 1)
        assert not lingering[1].done()
        assert budget.held_bytes == 95
        lingering[1].cancel()
        await asyncio.gather(*lingering, return_exceptions=True)
    assert budget.held_bytes == 0


async def test_a_body_that_is_passed_on_holds_a_little_of_it() -> None:
    """However large it is."""
    budget = BodyBudget(100)
    with budget.hold(20) as hold:
        assert await read(chunks(*[15] * 50), hold) == 750
        assert budget.held_bytes == 20


async def test_a_body_has_its_time_however_steadily_it_comes() -> None:
    """No pause and no low rate, but no end."""
    pace = BodyPace(pause_s=5.0, grace_s=5.0, bytes_per_s=1, total_s=0.2)
    with BodyBudget(10_000).hold() as hold, pytest.raises(UploadTooSlow, match=r"within 0\.2 s"):
        await asyncio.wait_for(read(chunks(*[10] * 500, every_s=0.02), hold, pace), 5)
