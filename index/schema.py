"""The tables of the record: made, brought up to date, or refused where a newer Selvedge needs what we do not know.

Revisions are four digits and ascend. Two releases work on one record while one replaces the other: a release that adds
tables or columns leaves `record_support`; what it made useless is taken away by a later one, which raises it.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from index.errors import IndexUnavailable
from index.job_records import JobRecord
from index.records import REVISION, REVISION_TABLE, Record, SupportRecord

FIRST_REVISION = "0001"
_BEFORE_ALEMBIC = "schema_version"
"""The table that said which version a record had, before there were revisions; only version 1 was ever written."""


def is_current(connection: Connection) -> bool:
    """Whether nothing needs to be done: ours, or a later release's that is still fit for this one."""
    tables = set(inspect(connection).get_table_names())
    if REVISION_TABLE not in tables:
        return False
    found = _revision(connection)
    return found == REVISION or (found > REVISION and _supports(connection, tables))


def prepare_schema(connection: Connection) -> None:
    """Make the tables or upgrade them, in the caller's transaction. Raises IndexUnavailable where they are not ours."""
    tables = set(inspect(connection).get_table_names())
    if REVISION_TABLE in tables:
        _upgrade(connection, _revision(connection))
    elif _BEFORE_ALEMBIC in tables:
        version = connection.scalar(text(f"SELECT version FROM {_BEFORE_ALEMBIC}"))
        _upgrade(connection, FIRST_REVISION if version == 1 else f"version {version}", adopt=True)
    elif tables & (set(Record.metadata.tables) | {JobRecord.__tablename__}) or (
        tables and connection.dialect.name == "sqlite"
    ):
        raise _refused("tables of something else")
    else:
        _upgrade(connection, None)


def _upgrade(connection: Connection, found: str | None, adopt: bool = False) -> None:
    # Imported where it is needed: a record that is up to date, which is the rule, does not wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if found is not None and found not in {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }:
        raise _refused(f"schema revision {found!r}")
    if adopt:
        command.stamp(config, FIRST_REVISION)
    command.upgrade(config, REVISION)
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
        raise IndexUnavailable("upgrading the record would have broken it; nothing was changed")


def _supports(connection: Connection, tables: set[str]) -> bool:
    least = None
    if SupportRecord.__tablename__ in tables:
        least = connection.scalar(select(SupportRecord.least_revision))
    return least is not None and least <= REVISION


def _revision(connection: Connection) -> str:
    return str(connection.scalar(text(f"SELECT version_num FROM {REVISION_TABLE}")))


def _refused(found: str) -> IndexUnavailable:
    return IndexUnavailable(
        f"the record has {found}, this Selvedge knows none later than {REVISION!r}: start the Selvedge that wrote it, "
        "restore a backup, or name another database"
    )
