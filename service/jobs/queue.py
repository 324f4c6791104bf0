"""Who works on which job next: handed out through Redis Streams, or in this process. The record alone decides.

What is announced here only saves looking for it: a worker claims a job in the record before it does anything, and finds
there what was never announced or whose announcement was lost with Redis.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import structlog
from redis.exceptions import RedisError
from taskiq import AckableMessage
from taskiq.message import BrokerMessage
from taskiq_redis import RedisStreamBroker

from service.ending import end_tasks

log = structlog.get_logger()

_BLOCK_MS = 1_000
_MOST_KEPT = 10_000


class Handed(Protocol):
    """A job that was handed out. Until `acknowledge` it may be handed to another once it has been idle too long."""

    @property
    def job_id(self) -> str: ...

    async def acknowledge(self) -> None: ...


class JobQueue(Protocol):
    """First announced, first handed out, to one worker. No method raises because Redis is away."""

    async def announce(self, job_id: str) -> None:
        """There is work on this job."""

    async def next(self, within_s: float) -> Handed | None:
        """The next job, waited for so long; None where there is none."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Here:
    job_id: str
    queue: LocalQueue

    async def acknowledge(self) -> None:
        self.queue.acknowledged(self.job_id)


class LocalQueue:
    """In this process: where there is no Redis, and the fake."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._handed: dict[str, float] = {}

    async def announce(self, job_id: str) -> None:
        self._waiting.put_nowait(job_id)

    async def next(self, within_s: float) -> Handed | None:
        for job_id, since in list(self._handed.items()):
            if time.monotonic() - since > self._idle_s:
                return self._hand_out(job_id)
        try:
            async with asyncio.timeout(within_s):
                return self._hand_out(await self._waiting.get())
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Nothing to put away."""

    def acknowledged(self, job_id: str) -> None:
        self._handed.pop(job_id, None)

    def _hand_out(self, job_id: str) -> Handed:
        self._handed[job_id] = time.monotonic()
        return _Here(job_id, self)


class _FromRedis:
    """A message of the stream."""

    def __init__(self, message: AckableMessage) -> None:
        self.job_id = message.data.decode()
        self._message = message

    async def acknowledge(self) -> None:
        try:
            acknowledged = self._message.ack()
            if acknowledged is not None:
                await acknowledged
        except (RedisError, OSError) as error:
            # Handed out once more later: the record knows that there is nothing left to do.
            log.warning("job_not_acknowledged", job_id=self.job_id, error=str(error))


class StreamQueue:
    """A Redis Stream with a consumer group, by taskiq-redis: XADD, XREADGROUP, XACK, XAUTOCLAIM after `idle_s`.

    The library looks for messages of dead consumers after it has read a new one. Belongs to one event loop.
    """

    def __init__(self, url: str, name: str, idle_s: float) -> None:
        self._broker = RedisStreamBroker(
            url,
            queue_name=name,
            consumer_group_name="selvedge",
            consumer_id="0",
            xread_block=_BLOCK_MS,
            xread_count=1,
            maxlen=_MOST_KEPT,
            idle_timeout=int(idle_s * 1_000),
            unacknowledged_lock_timeout=10.0,
        )
        self._started = False
        self._listening: AsyncGenerator[AckableMessage, None] | None = None
        self._coming: asyncio.Task[AckableMessage] | None = None

    async def announce(self, job_id: str) -> None:
        message = BrokerMessage(task_id=uuid4().hex, task_name="job", message=job_id.encode(), labels={})
        try:
            await self._start()
            await self._broker.kick(message)
        except (RedisError, OSError) as error:
            self._started = False
            log.warning("job_not_announced", job_id=job_id, error=str(error))

    async def next(self, within_s: float) -> Handed | None:
        deadline = time.monotonic() + within_s
        try:
            await self._start()
            if self._coming is None:
                self._listening = self._listening or self._broker.listen()
                self._coming = asyncio.ensure_future(anext(self._listening))
            # Not cancelled when the time is over: a message that is just being read would be lost to the group.
            done, _ = await asyncio.wait({self._coming}, timeout=within_s)
            if not done:
                return None
            coming, self._coming = self._coming, None
            return _FromRedis(coming.result())
        except (RedisError, OSError, StopAsyncIteration) as error:
            log.warning("job_queue_away", error=str(error))
            self._started, self._listening = False, None
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
            return None

    async def close(self) -> None:
        if self._coming is not None:
            await end_tasks(self._coming)
        if self._listening is not None:
            await self._listening.aclose()
        await self._broker.shutdown()

    async def _start(self) -> None:
        """Make the group; again after an outage, since Redis may have come back empty."""
        if not self._started:
            await self._broker.startup()
            self._started = True
