"""What goes past SQLAlchemy to the driver fails as what goes through it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from index.database import Database
from index.driver_statements import Insert, ask
from index.errors import IndexUnavailable, InvalidQuery
from index.records import LeaseRecord
from tests.postgres import Cluster

LEASES = Insert(LeaseRecord, ("name", "holder", "token", "expires_at"))
ROW = {"name": "a", "holder": "b", "token": 1, "expires_at": 2.0}
NAMES = "SELECT name FROM leases WHERE token = ? ORDER BY name"


@pytest.fixture
def database(record_url: str) -> Iterator[Database]:
    opened = Database(record_url)
    yield opened
    opened.close()


def test_rows_are_written_and_answered(database: Database) -> None:
    """Several at once, values in their places."""
    with database.writing() as connection:
        LEASES.run(connection, [ROW, ROW | {"name": "c"}, ROW | {"name": "d", "token": 2}])
        assert ask(connection, NAMES, [1]) == [("a",), ("c",)]


def test_mistakes_and_bad_texts_have_their_names(database: Database) -> None:
    """A mistake is raised as it is, a text that cannot be kept is the caller's; neither is an outage."""
    with pytest.raises(IntegrityError), database.writing() as connection:
        LEASES.run(connection, [ROW, ROW])
    with pytest.raises(InvalidQuery), database.writing() as connection:
        LEASES.run(connection, [ROW | {"name": "\ud800"}])
    with database.writing() as connection:
        assert ask(connection, NAMES, [1]) == []


def test_a_connection_that_the_server_cut_is_replaced(postgres: Cluster) -> None:
    """The write that it was cut under is an outage, the next one goes on."""
    database = Database(postgres.new_database())

    def cut(connection: Connection, numbers: Sequence[int]) -> Sequence[int]:
        LEASES.run(connection, [ROW])
        ask(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
        return numbers

    def write(connection: Connection, numbers: Sequence[int]) -> Sequence[int]:
        LEASES.run(connection, [ROW])
        return numbers

    with pytest.raises(IndexUnavailable, match="cannot be used"):
        database.write(cut, 1)
    assert database.write(write, 2) == 2
    with database.reading() as connection:
        assert ask(connection, NAMES, [1]) == [("a",)]
    database.close()
