"""Statements that the driver runs by itself, each value as its column keeps it.

SQLAlchemy makes them, once, and opens the connection and the transaction; to run one through it takes several times as
long as SQLite takes, while all other writers wait.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from index.moments import moment_text
from index.records import Record

_SQLite: Any = SQLiteDialect_pysqlite
_PostgreSQL: Any = PGDialect_psycopg
_KEPT_AS_JSON = (list, dict)


class Insert:
    """INSERT INTO a record's table; every row says all of these columns."""

    def __init__(self, record: type[Record], columns: Sequence[str]) -> None:
        dialects: tuple[Any, ...] = (_SQLite(paramstyle="named"), _PostgreSQL())
        self._statements: dict[str, str] = {
            dialect.name: str(insert(record).compile(dialect=dialect, column_keys=list(columns)))
            for dialect in dialects
        }

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Values as the driver takes them: see `kept`. Raises as SQLAlchemy does."""
        statement = self._statements[connection.dialect.name]
        with _cursor(connection, statement) as cursor:
            cursor.executemany(statement, rows)


def run(connection: Connection, statement: str) -> None:
    """A statement that answers nothing. Raises as SQLAlchemy does."""
    with _cursor(connection, statement) as cursor:
        cursor.execute(statement)


def ask(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows that a statement answers; each `?` of it stands for one of the values. Raises as SQLAlchemy does."""
    said = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
    with _cursor(connection, said) as cursor:
        cursor.execute(said, values)
        return list(cursor.fetchall())


def kept(value: Any) -> Any:
    """A value as its column keeps it: moments and JSON as text, all else as it is."""
    if isinstance(value, datetime):
        return moment_text(value)
    return json.dumps(value) if isinstance(value, _KEPT_AS_JSON) else value


@contextmanager
def _cursor(connection: Connection, statement: str) -> Iterator[DBAPICursor]:
    """Errors are named as SQLAlchemy names them, and a connection that was cut is not used again."""
    dialect = connection.dialect
    with closing(connection.connection.cursor()) as cursor:
        try:
            yield cursor
        except dialect.loaded_dbapi.Error as error:
            lost = dialect.is_disconnect(error, connection.connection, cursor)
            named = DBAPIError.instance(
                statement, None, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect
            )
            if lost:
                connection.invalidate(error)
            raise named from error
