"""Opens the record: SQLite in WAL with every commit on disk before it is acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from index.errors import IndexUnavailable, InvalidQuery
from index.records import SCHEMA_VERSION, Record, SchemaRecord

BUSY_TIMEOUT_S = 10


class Database:
    """Connections to one record. Raises IndexUnavailable if it cannot be opened or is of another schema version."""

    def __init__(self, url: str) -> None:
        self._engine = _create_engine(url)
        # SQLite's own queue of writers is a lottery of sleeps; this one is first come, first served.
        self._one_writer = threading.Lock()
        with self.writing() as connection:
            _prepare_schema(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One unchanging view of the record."""
        with _outages_named(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone; durable once the block is left, undone if it raises."""
        with self._one_writer, _outages_named(), self._engine.connect() as connection:
            alone = connection.execution_options(selvedge_writes=True)
            with alone.begin():
                yield alone

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _outages_named() -> Iterator[None]:
    """The caller's bad text as InvalidQuery, an outage as IndexUnavailable, our own mistakes as they are."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidQuery("a text holds half a character (a lone surrogate)") from error
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except PoolTimeoutError as error:
        raise IndexUnavailable("the record is too busy") from error
    except DatabaseError as error:
        raise IndexUnavailable(f"the record cannot be used: {error.orig}") from error


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise IndexUnavailable("the database URL cannot be read; use sqlite:///PATH") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise IndexUnavailable(f"the record is kept in a SQLite file (sqlite:///PATH), not {parsed!r}")
    try:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexUnavailable(f"no folder for the record: {error}") from error
    engine = create_engine(parsed, pool_size=16, max_overflow=32, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(dbapi_connection: Any, _record: Any) -> None:
    # None: we say BEGIN ourselves, so that reads see one snapshot and writes take the lock at once.
    dbapi_connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000"):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("selvedge_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_schema(connection: Connection) -> None:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        Record.metadata.create_all(connection)
        connection.execute(insert(SchemaRecord).values(version=SCHEMA_VERSION))
        return
    found = connection.scalar(select(SchemaRecord.version)) if SchemaRecord.__tablename__ in tables else None
    if found != SCHEMA_VERSION:
        raise IndexUnavailable(
            f"the record has schema version {found}, this Selvedge knows {SCHEMA_VERSION}: start the Selvedge that "
            "wrote it, restore a backup, or name another database"
        )
