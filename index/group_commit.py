"""Group commit: writes that wait for each other share one transaction, so that one fsync makes all of them durable."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection

from index.driver_statements import run
from index.errors import IndexUnavailable

MOST_TOGETHER = 64
"""Writes in one transaction: past this the fsync is a small part of it, and the others would wait too long."""


GATHER_S = 0.002
"""Less than an fsync takes, and only waited where the last transaction held several writes."""
Work = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Does one thing for every argument, all or none; answers in their order."""


class _Waiting:
    """A write whose caller waits until it is done, or until it is its turn to lead."""

    def __init__(self, work: Work, argument: Any) -> None:
        self.work = work
        self.argument = argument
        self.woken = threading.Event()
        self.done = False
        self.answer: Any = None
        self.error: BaseException | None = None


class GroupCommit:
    """First come, first committed; whoever finds others waiting takes them along. Used from any thread.

    `begin` gives one transaction that is durable once left, and undone if it raises; `is_outage` tells errors that
    leave no transaction to go on with from those that only one write is to blame for.
    """

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        is_outage: Callable[[BaseException], bool],
    ) -> None:
        self._begin = begin
        self._is_outage = is_outage
        self._queue: deque[_Waiting] = deque()
        self._changing = threading.Lock()
        self._led = False
        self._last_size = 1

    def run(self, work: Work, argument: Any) -> Any:
        """What `work` answers for the argument, once that is durable; raises what it raises, having changed nothing."""
        waiting = _Waiting(work, argument)
        with self._changing:
            self._queue.append(waiting)
            leads, self._led = not self._led, True
        if not leads:
            waiting.woken.wait()
        if not waiting.done:
            self._lead(waiting)
        if waiting.error is not None:
            raise waiting.error
        return waiting.answer

    def _lead(self, leader: _Waiting) -> None:
        """Commit the oldest, the leader among them, and make the next one lead, even where this one is interrupted."""
        group: list[_Waiting] = []
        try:
            self._gather()
            with self._changing:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_TOGETHER))]
            self._commit(group)
        finally:
            self._last_size = len(group)
            with self._changing:
                if leader in self._queue:
                    self._queue.remove(leader)
                self._led = bool(self._queue)
                successor = self._queue[0] if self._queue else None
            for waiting in group:
                waiting.done = True
                waiting.woken.set()
            if successor is not None:
                successor.woken.set()

    def _gather(self) -> None:
        """Where several came together last time, give them a moment to come back: they were answered just now."""
        until = time.monotonic() + GATHER_S
        while len(self._queue) < self._last_size and time.monotonic() < until:
            time.sleep(GATHER_S / 10)

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            with self._begin() as connection:
                if len(group) == 1:
                    group[0].answer = group[0].work(connection, [group[0].argument])[0]
                else:
                    for _, same in itertools.groupby(group, key=lambda waiting: waiting.work):
                        self._attempt(connection, list(same))
        except BaseException as error:
            # Nothing of this group was committed, or nobody can tell: none of it is acknowledged.
            for waiting in group:
                waiting.error = error if len(group) == 1 else IndexUnavailable(f"the record cannot be used: {error}")
            if not isinstance(error, Exception):
                raise

    def _attempt(self, connection: Connection, some: Sequence[_Waiting]) -> None:
        """Writes of one kind together; if they cannot be, one by one, so that a mistake undoes its own write alone."""
        # Not begin_nested: it makes its three statements anew each time, which takes longer than a write.
        run(connection, "SAVEPOINT attempt")
        try:
            answers = some[0].work(connection, [waiting.argument for waiting in some])
            for waiting, answer in zip(some, answers, strict=True):
                waiting.answer = answer
            run(connection, "RELEASE SAVEPOINT attempt")
        except Exception as error:
            if self._is_outage(error):
                raise
            run(connection, "ROLLBACK TO SAVEPOINT attempt")
            run(connection, "RELEASE SAVEPOINT attempt")
            if len(some) == 1:
                some[0].error = error
            else:
                for waiting in some:
                    self._attempt(connection, [waiting])
