"""Writes that wait for each other share a transaction, and each is answered as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from index.database import Database
from index.errors import IndexUnavailable

KEEP = text("INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', :number, 'a', 'x')")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/record.db")
    yield opened
    opened.close()


def kept(database: Database) -> list[int]:
    with database.reading() as connection:
        return sorted(connection.scalars(text("SELECT item_number FROM changes")))


class Commits:
    """Counts the transactions of a database, and holds the first one open until it is let go."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        self.entered, self.let_go = threading.Event(), threading.Event()
        self._begin = database.writing
        database._group._begin = self.begin

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self.count += 1
        with self._begin() as connection:
            if self.count == 1:
                self.entered.set()
                assert self.let_go.wait(30)
            yield connection


def keep(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Numbers that 7 divides are refused after something was written; 99 finds the disk full."""
    for number in numbers:
        connection.execute(KEEP, {"number": number})
        if number % 7 == 0:
            raise LookupError(number)
        if number == 99:
            raise OperationalError("INSERT", {}, Exception("disk is full"))
    return [10 * number for number in numbers]


def write_together(database: Database, numbers: Sequence[int]) -> tuple[list[int | Exception], int]:
    """Answers in order, and how many transactions there were, the first number having one of its own."""
    commits = Commits(database)

    def write(number: int) -> int | Exception:
        try:
            return database.write(keep, number)
        except (LookupError, IndexUnavailable) as error:
            return error

    with ThreadPoolExecutor(len(numbers)) as threads:
        first = threads.submit(write, numbers[0])
        assert commits.entered.wait(30)
        rest = [threads.submit(write, number) for number in numbers[1:]]
        while len(database._group._queue) < len(rest):
            pass
        commits.let_go.set()
        return [first.result(), *(answer.result() for answer in rest)], commits.count


def test_writes_that_wait_share_one_commit(database: Database) -> None:
    """And each gets its own answer."""
    answers, commits = write_together(database, [1, 2, 3, 4, 5, 6])
    assert answers == [10, 20, 30, 40, 50, 60]
    assert (kept(database), commits) == ([1, 2, 3, 4, 5, 6], 2)


def test_a_mistake_undoes_its_own_write_alone(database: Database) -> None:
    """The others of its group are committed."""
    answers, commits = write_together(database, [1, 2, 7, 3, 14])
    assert [answer for answer in answers if isinstance(answer, int)] == [10, 20, 30]
    assert [type(answers[2]), type(answers[4])] == [LookupError, LookupError]
    assert (kept(database), commits) == ([1, 2, 3], 2)


def test_an_outage_acknowledges_none_of_the_group(database: Database) -> None:
    """And nothing of it is there; the next write goes on."""
    answers, _ = write_together(database, [1, 2, 99, 3])
    assert answers[0] == 10
    assert [type(answer) for answer in answers[1:]] == [IndexUnavailable] * 3
    assert kept(database) == [1]
    assert database.write(keep, 5) == 50


def test_many_threads_are_all_served(database: Database) -> None:
    """None waits for ever, none is served twice."""
    with ThreadPoolExecutor(24) as threads:
        answers = list(
            threads.map(lambda number: database.write(keep, number), (n for n in range(400) if n % 7 and n != 99))
        )
    assert len(kept(database)) == len(set(kept(database))) == len(answers)
