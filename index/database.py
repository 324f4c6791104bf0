"""Opens the record, SQLite or PostgreSQL: commits are on disk before they are acknowledged, writers take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from index.driver_statements import run
from index.errors import IndexUnavailable, InvalidQuery
from index.group_commit import GroupCommit
from index.schema import is_current, prepare_schema
from index.sqlite_files import copy_database, empty_log

A = TypeVar("A")
T = TypeVar("T")
BUSY_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 5
CLOSE_WITHIN_S = 5.0
_WRITERS_LOCK = 5_135_364_104
"""Advisory lock of PostgreSQL: held from a write's first statement until its commit is visible to all, so that numbers
of the change log are committed in order. Sequences alone are not."""
_DURABLE = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
"""For this transaction: a role or server that does not wait for the disk would acknowledge what a crash takes back. One
that waits for standbys as well goes on doing so."""
_OUR_MISTAKES = (IntegrityError, ProgrammingError)


class Database:
    """Connections to one record. Raises IndexUnavailable if it cannot be opened or a newer Selvedge needs more."""

    def __init__(self, url: str) -> None:
        self._engine = _create_engine(url)
        self._group = GroupCommit(self.writing, _is_outage)
        with self.reading() as connection:
            current = is_current(connection)
        if not current:
            self._prepare()

    @property
    def url(self) -> URL:
        return self._engine.url

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One unchanging view of the record."""
        with _outages_named(), self._engine.connect() as connection:
            level = {"isolation_level": "REPEATABLE READ"} if connection.dialect.name == "postgresql" else {}
            steady = connection.execution_options(**level)
            with steady.begin():
                yield steady

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone among all processes; durable once the block is left, undone if it raises."""
        with _outages_named(), self._engine.connect() as connection:
            alone = connection.execution_options(selvedge_writes=True)
            with alone.begin():
                yield alone

    def write(self, work: Callable[[Connection, Sequence[A]], Sequence[T]], argument: A) -> T:
        """Do `work` for the argument in a transaction shared with other threads' that wait; durable once this returns.

        `work` may be handed several arguments at once and then does all or none.
        """
        with _outages_named():
            answer: T = self._group.run(work, argument)
            return answer

    def copy_to(self, path: Path) -> Path | None:
        """A copy of a SQLite record as of now, writers going on; None for PostgreSQL."""
        if self.url.get_backend_name() != "sqlite":
            return None
        return copy_database(Path(str(self.url.database)), path)

    def empty_log(self) -> bool:
        """Let nothing that was deleted stay in SQLite's log; False where somebody reads it: ask again later."""
        return self.url.get_backend_name() != "sqlite" or empty_log(Path(str(self.url.database)))

    def close(self) -> None:
        """Waits a moment for threads that still ask something: a connection that outlives its pool is never closed."""
        pool, until = self._engine.pool, time.monotonic() + CLOSE_WITHIN_S
        while isinstance(pool, QueuePool) and pool.checkedout() and time.monotonic() < until:
            time.sleep(0.005)
        self._engine.dispose()

    def _prepare(self) -> None:
        with _outages_named(), self._engine.connect() as connection:
            alone = connection.execution_options(selvedge_writes=True, selvedge_migrates=True)
            try:
                with alone.begin():
                    prepare_schema(alone)
            finally:
                # It was opened without foreign keys, and must not come back from the pool like that.
                connection.invalidate()


@contextmanager
def _outages_named() -> Iterator[None]:
    """The caller's bad text as InvalidQuery, an outage as IndexUnavailable, our own mistakes as they are."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidQuery("a text holds half a character (a lone surrogate)") from error
    except DataError as error:
        raise InvalidQuery(f"a value that the record cannot keep: {error.orig}") from error
    except _OUR_MISTAKES:
        raise
    except PoolTimeoutError as error:
        raise IndexUnavailable("the record is too busy") from error
    except DatabaseError as error:
        raise IndexUnavailable(f"the record cannot be used: {error.orig}") from error


def _is_outage(error: BaseException) -> bool:
    return isinstance(error, DatabaseError | PoolTimeoutError) and not isinstance(error, (DataError, *_OUR_MISTAKES))


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise IndexUnavailable("the database URL cannot be read; use sqlite:///PATH or postgresql://…") from error
    if parsed.get_backend_name() == "postgresql":
        return _create_postgresql(parsed)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise IndexUnavailable(f"the record is kept in a file (sqlite:///PATH) or in PostgreSQL, not in {parsed!r}")
    try:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexUnavailable(f"no folder for the record: {error}") from error
    engine = create_engine(parsed, pool_size=16, max_overflow=32, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_postgresql(parsed: URL) -> Engine:
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if "connect_timeout" not in parsed.query:
        parsed = parsed.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT_S)})
    # Asked before each use: a connection that a restart of the server cut is replaced instead of failing a request.
    engine = create_engine(parsed, pool_size=16, max_overflow=32, pool_pre_ping=True)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _configure_sqlite(dbapi_connection: Any, _record: Any) -> None:
    # None: we say BEGIN ourselves, so that reads see one snapshot and writes take the lock at once.
    dbapi_connection.isolation_level = None
    pragmas = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000")
    # What is deleted is overwritten, and not only left for the next row to use.
    for pragma in (*pragmas, "secure_delete = ON"):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("selvedge_migrates", False):
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    run(connection, "BEGIN IMMEDIATE" if options.get("selvedge_writes", False) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("selvedge_writes", False):
        # Sent together: each question asked of the server alone costs its way there and back.
        timeout = f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S}s'"
        run(connection, f"{timeout}; {_DURABLE}; SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
