"""Rows that several callers bring run together; each gets its own back, and only its own trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidValue, ModelBusy
from models.runtime.batching import BatchedSession
from models.runtime.running import Batching
from models.runtime.session import Arrays

POISON = -1.0


class Doubling:
    """A network of one input: doubles each row, fails on a batch that holds poison, and can be held up."""

    provider = "test"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        self.go_on.wait(10)
        rows = inputs["x"]
        self.batches.append(len(rows))
        if (rows == POISON).any():
            raise RuntimeError("bad row")
        return (rows * 2, rows.sum(axis=1))


@contextmanager
def batched(batching: Batching) -> Iterator[tuple[BatchedSession, Doubling]]:
    network = Doubling()
    session = BatchedSession(network, batching)
    try:
        yield session, network
    finally:
        network.go_on.set()
        session.close()


def rows_of(value: float, count: int = 1) -> dict[str, npt.NDArray[np.float32]]:
    return {"x": np.full((count, 3), value, np.float32)}


def ask_at_once(session: BatchedSession, network: Doubling, asked: list[dict[str, Any]]) -> list[Any]:
    """Everything is in the queue before the network goes on; answers or errors, in the order asked."""

    def ask(inputs: dict[str, Any]) -> Any:
        try:
            return session.run(inputs)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            return error

    network.go_on.clear()
    with ThreadPoolExecutor(len(asked) + 1) as callers:
        # The first one occupies the network, so that the others are gathered.
        first = callers.submit(ask, rows_of(0.5))
        while session.waiting or not first.running():
            time.sleep(0.001)
        answers = []
        for number, inputs in enumerate(asked):
            answers.append(callers.submit(ask, inputs))
            while session.waiting <= number and not answers[-1].done():
                time.sleep(0.001)
        network.go_on.set()
        first.result()
        return [answer.result() for answer in answers]


def test_rows_of_several_callers_run_together_in_a_bucketed_size() -> None:
    """Three rows are padded to four; nobody sees the padding."""
    with batched(Batching((1, 2, 4), wait_s=0.0)) as (session, network):
        answers = ask_at_once(session, network, [rows_of(1), rows_of(2), rows_of(3)])
        assert network.batches == [1, 4]
        for value, (doubled, summed) in zip((1, 2, 3), answers, strict=True):
            np.testing.assert_array_equal(doubled, [[2 * value] * 3])
            np.testing.assert_array_equal(summed, [3 * value])


def test_a_bad_row_fails_alone() -> None:
    """Its neighbours in the batch are answered, and so is everyone after."""
    with batched(Batching((1, 2, 4), wait_s=0.0)) as (session, network):
        answers = ask_at_once(session, network, [rows_of(1), rows_of(POISON), rows_of(3)])
        assert isinstance(answers[1], RuntimeError)
        np.testing.assert_array_equal(answers[0][1], [3])
        np.testing.assert_array_equal(answers[2][1], [9])
        np.testing.assert_array_equal(session.run(rows_of(4))[1], [12])


def test_rows_of_another_shape_are_run_by_themselves() -> None:
    """They would not fit into the batch."""
    with batched(Batching((1, 2, 4), wait_s=0.0)) as (session, network):
        wide = {"x": np.ones((1, 5), np.float32)}
        answers = ask_at_once(session, network, [rows_of(1), wide, rows_of(2)])
        assert [answer[1].tolist() for answer in answers] == [[3], [5], [6]]


def test_a_caller_with_more_rows_than_the_largest_batch_is_served_in_parts() -> None:
    """In its own order."""
    with batched(Batching((1, 2), wait_s=0.0)) as (session, network):
        rows = np.arange(15, dtype=np.float32).reshape(5, 3)
        np.testing.assert_array_equal(session.run({"x": rows})[0], rows * 2)
        assert network.batches == [2, 2, 1]


def test_a_full_queue_refuses_at_once() -> None:
    """The bound is the callers that wait."""
    with batched(Batching((1,), wait_s=0.0, most_waiting=2)) as (session, network):
        answers = ask_at_once(session, network, [rows_of(1), rows_of(2), rows_of(3)])
        assert isinstance(answers[2], ModelBusy)
        assert [answer[1].tolist() for answer in answers[:2]] == [[3], [6]]


def test_a_caller_waits_no_longer_than_the_deadline_and_is_then_not_run() -> None:
    """What it had in the queue is dropped."""
    with batched(Batching((1,), wait_s=0.0, deadline_s=0.05)) as (session, network):
        network.go_on.clear()
        with ThreadPoolExecutor(2) as callers:
            asked = [callers.submit(session.run, rows_of(value)) for value in (1, 2)]
            for answer in asked:
                with pytest.raises(ModelBusy, match=r"within 0\.05 s"):
                    answer.result()
        network.go_on.set()
        session.run(rows_of(3))
        assert len(network.batches) == 2, "the dropped rows were run"


def test_the_first_row_waits_for_company_no_longer_than_it_is_told() -> None:
    """A lone caller is answered after the wait, two that come together at once."""
    with batched(Batching((1, 2), wait_s=0.3)) as (session, network):
        started = time.monotonic()
        session.run(rows_of(1))
        assert time.monotonic() - started >= 0.3
        with ThreadPoolExecutor(2) as callers:
            list(callers.map(session.run, [rows_of(1), rows_of(2)]))
        assert network.batches == [1, 2]


def test_what_waits_when_the_session_is_closed_is_refused() -> None:
    """And nothing is taken on afterwards."""
    network = Doubling()
    session = BatchedSession(network, Batching((1,), wait_s=0.0))
    network.go_on.clear()
    with ThreadPoolExecutor(2) as callers:
        running = callers.submit(session.run, rows_of(1))
        time.sleep(0.05)
        waiting = callers.submit(session.run, rows_of(2))
        while not session.waiting:
            time.sleep(0.001)
        closing = threading.Thread(target=session.close)
        closing.start()
        network.go_on.set()
        assert running.result()[1].tolist() == [3]
        with pytest.raises(ModelBusy):
            waiting.result()
        closing.join()
    with pytest.raises(ModelBusy):
        session.run(rows_of(3))


def test_a_network_that_does_not_answer_row_by_row_is_not_batched_in_silence() -> None:
    """Somebody would get another's answer."""

    class Summing(Doubling):
        def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
            return (inputs["x"].sum(axis=0, keepdims=True)[:1],)

    session = BatchedSession(Summing(), Batching((2,), wait_s=0.0))
    with pytest.raises(InvalidValue):
        session.run(rows_of(1, 2))
    session.close()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_whatever_comes_together_everyone_gets_its_own(counts: list[int]) -> None:
    """Any number of callers with any number of rows."""
    with batched(Batching((1, 2, 4, 8), wait_s=0.001)) as (session, _), ThreadPoolExecutor(len(counts)) as callers:
        asked = [rows_of(value + 1, count) for value, count in enumerate(counts)]
        for value, (count, answer) in enumerate(zip(counts, callers.map(session.run, asked), strict=True)):
            np.testing.assert_array_equal(answer[1], [3.0 * (value + 1)] * count)


@pytest.mark.parametrize("sizes", [(), (2, 1), (0, 1), (1, 1)])
def test_sizes_that_make_no_sense_are_refused(sizes: tuple[int, ...]) -> None:
    """They ascend from one or more."""
    with pytest.raises(InvalidValue):
        Batching(sizes)


def test_the_next_size_up_is_taken() -> None:
    """So that a network sees few shapes."""
    assert [Batching((1, 4, 16)).size_for(rows) for rows in (1, 2, 4, 5, 16)] == [1, 4, 4, 16, 16]
