"""The record opens as it should, or says loudly why not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from index.database import Database
from index.errors import IndexUnavailable
from index.records import SCHEMA_VERSION


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_commits_are_on_disk_before_they_are_acknowledged(tmp_path: Path) -> None:
    """WAL with synchronous FULL (2), foreign keys on, on every connection."""
    database = Database(url_of(tmp_path / "record.db"))
    for opened in (database.reading, database.writing):
        with opened() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(text("PRAGMA synchronous")) == 2
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, None])
def test_another_schema_version_is_refused(tmp_path: Path, version: int | None) -> None:
    """A newer record, or tables that are not ours, with what to do."""
    path = tmp_path / "record.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)" if version else "CREATE TABLE theirs (x)")
        if version:
            connection.execute("INSERT INTO schema_version VALUES (?)", (version,))
    connection.close()
    with pytest.raises(IndexUnavailable, match="restore a backup, or name another database"):
        Database(url_of(path))


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    """Garbage is reported, not overwritten."""
    path = tmp_path / "record.db"
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(IndexUnavailable, match="not a database"):
        Database(url_of(path))
    assert path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://u:secret@h/d", "no url"])
def test_a_record_that_would_not_last_is_refused(url: str) -> None:
    """Memory, engines that are not supported and nonsense; a password is not repeated."""
    with pytest.raises(IndexUnavailable, match="sqlite:///PATH") as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """The transaction is undone as a whole."""
    database = Database(url_of(tmp_path / "record.db"))
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(text("INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', 1, 'a', 'x')"))
        raise ZeroDivisionError
    with database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM changes")) == 0
    database.close()


def test_a_read_sees_one_moment(tmp_path: Path) -> None:
    """What is committed beside it stays invisible until the next read."""
    database = Database(url_of(tmp_path / "record.db"))
    count = text("SELECT count(*) FROM changes")
    with database.reading() as reader:
        assert reader.scalar(count) == 0
        with database.writing() as writer:
            writer.execute(text("INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', 1, 'a', 'x')"))
        assert reader.scalar(count) == 0
    with database.reading() as reader:
        assert reader.scalar(count) == 1
    database.close()
