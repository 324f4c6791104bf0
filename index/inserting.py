"""Many rows of a table in one statement that the driver runs by itself, each value as its column keeps it.

SQLAlchemy makes the statement, once, and opens the connection; converting the values of one row after the other would
take it longer than SQLite takes to write them, while all other writers wait.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from index.moments import moment_text
from index.records import Record

_SQLite: Any = SQLiteDialect_pysqlite
_PostgreSQL: Any = PGDialect_psycopg


class Insert:
    """INSERT INTO a record's table; every row says all of these columns."""

    def __init__(self, record: type[Record], columns: Sequence[str]) -> None:
        dialects: tuple[Any, ...] = (_SQLite(paramstyle="named"), _PostgreSQL())
        self._statements: dict[str, str] = {
            dialect.name: str(insert(record).compile(dialect=dialect, column_keys=list(columns)))
            for dialect in dialects
        }

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Values as the driver takes them: see `kept`."""
        connection.exec_driver_sql(self._statements[connection.dialect.name], list(rows))


def kept(value: Any) -> Any:
    """A value as its column keeps it: moments and JSON as text, all else as it is."""
    if isinstance(value, datetime):
        return moment_text(value)
    return json.dumps(value) if isinstance(value, list | Mapping) else value
