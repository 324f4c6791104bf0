"""Dynamic micro-batching: rows that several requests bring at once run through a network together.

On the CPU a batch costs as much as its rows one by one (docs/performance.md), so it is off there by default; a GPU is
used well only this way. One thread runs the network; callers wait for their rows.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue, ModelBusy
from models.runtime.running import Batching
from models.runtime.session import Arrays, ModelSession

Inputs = Mapping[str, npt.NDArray[Any]]


@dataclass(slots=True, eq=False)
class _Ticket:
    """One caller's rows and its answer to come."""

    inputs: Inputs
    rows: int
    since: float
    answer: Future[Arrays] = field(default_factory=Future)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Only rows of one kind fit into one batch."""
        return tuple(sorted((name, array.shape[1:], array.dtype.str) for name, array in self.inputs.items()))


class BatchedSession:
    """A `ModelSession` over another one whose first axis is free; safe to call from several threads."""

    def __init__(
        self, session: ModelSession, batching: Batching, watch: Callable[[int], None] = lambda _rows: None
    ) -> None:
        """`watch` is told the rows of every batch, padding left out."""
        self._session = session
        self._batching = batching
        self._watch = watch
        self._queue: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="selvedge-batch", daemon=True)
        self._thread.start()

    @property
    def provider(self) -> str:
        return self._session.provider

    @property
    def waiting(self) -> int:
        """Callers whose rows are not being run yet."""
        return len(self._queue)

    def run(self, inputs: Inputs) -> Arrays:
        """Outputs of these rows alone. Raises ModelBusy, and whatever the network raises for them."""
        rows = len(next(iter(inputs.values())))
        largest = self._batching.largest
        if rows == 0:
            return self._session.run(inputs)
        if rows <= largest:
            return self._ask(inputs, rows)
        parts = [
            self._ask({name: array[at : at + largest] for name, array in inputs.items()}, min(largest, rows - at))
            for at in range(0, rows, largest)
        ]
        return tuple(np.concatenate(outputs) for outputs in zip(*parts, strict=True))

    def close(self) -> None:
        """Refuse what waits, end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _ask(self, inputs: Inputs, rows: int) -> Arrays:
        ticket = _Ticket(inputs, rows, time.monotonic())
        with self._changed:
            if self._closed or len(self._queue) >= self._batching.most_waiting:
                raise ModelBusy("the networks' queue is full" if not self._closed else "the networks were put away")
            self._queue.append(ticket)
            self._changed.notify_all()
        try:
            return ticket.answer.result(self._batching.deadline_s)
        except FutureTimeoutError as error:
            ticket.answer.cancel()
            raise ModelBusy(f"the networks did not answer within {self._batching.deadline_s:g} s") from error
        except CancelledError as error:
            raise ModelBusy("the networks were put away") from error

    def _work(self) -> None:
        while True:
            batch = self._gather()
            if batch is None:
                return
            self._answer([ticket for ticket in batch if ticket.answer.set_running_or_notify_cancel()])

    def _gather(self) -> list[_Ticket] | None:
        """The next tickets to run together, first come first; None once closed."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            while not self._closed and self._rows_waiting() < self._batching.largest:
                left = self._queue[0].since + self._batching.wait_s - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._closed:
                for ticket in self._queue:
                    ticket.answer.cancel()
                self._queue.clear()
                return None
            return self._take()

    def _rows_waiting(self) -> int:
        return sum(ticket.rows for ticket in self._queue)

    def _take(self) -> list[_Ticket]:
        """From the head of the queue, as many of one kind as fit."""
        taken = [self._queue.popleft()]
        rows = taken[0].rows
        while self._queue and self._queue[0].kind == taken[0].kind:
            if rows + self._queue[0].rows > self._batching.largest:
                break
            taken.append(self._queue.popleft())
            rows += taken[-1].rows
        return taken

    def _answer(self, batch: Sequence[_Ticket]) -> None:
        """Run a batch; where it fails, every ticket by itself, so that a bad one fails alone."""
        if not batch:
            return
        try:
            outputs = self._run_rows(batch)
        except Exception as error:  # noqa: BLE001 - handed to the callers
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
            else:
                for ticket in batch:
                    self._answer([ticket])
            return
        at = 0
        for ticket in batch:
            ticket.answer.set_result(tuple(output[at : at + ticket.rows] for output in outputs))
            at += ticket.rows

    def _run_rows(self, batch: Sequence[_Ticket]) -> Arrays:
        rows = sum(ticket.rows for ticket in batch)
        padding = self._batching.size_for(rows) - rows
        joined = {}
        for name in batch[0].inputs:
            parts = [ticket.inputs[name] for ticket in batch]
            # Copies of the last row: they cost as zeros would, and no network can choke on them alone.
            parts += [parts[-1][-1:]] * padding
            joined[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        outputs = self._session.run(joined)
        self._watch(rows)
        if any(len(output) != rows + padding for output in outputs):
            raise InvalidValue("the network does not answer row by row: it cannot be batched")
        return outputs
