"""The record opens as it should, or says loudly why not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from index.database import Database
from index.errors import IndexUnavailable
from tests.postgres import Cluster

APPEND = text("INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', 1, 'a', 'x')")
COUNT = text("SELECT count(*) FROM changes")
SYNCHRONOUS = text("SHOW synchronous_commit")


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def database(record_url: str) -> Iterator[Database]:
    opened = Database(record_url)
    yield opened
    opened.close()


def test_commits_are_on_disk_before_they_are_acknowledged(tmp_path: Path) -> None:
    """WAL with synchronous FULL (2), foreign keys on, on every connection, a just migrated one's included."""
    database = Database(url_of(tmp_path / "record.db"))
    for opened in (database.reading, database.writing):
        with opened() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(text("PRAGMA synchronous")) == 2
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    """Garbage is reported, not overwritten."""
    path = tmp_path / "record.db"
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(IndexUnavailable, match="not a database"):
        Database(url_of(path))
    assert path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d", "no url"])
def test_a_record_that_would_not_last_is_refused(url: str) -> None:
    """Memory, engines that are not supported and nonsense; a password is not repeated."""
    with pytest.raises(IndexUnavailable, match="sqlite:///PATH") as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_an_outage() -> None:
    """Named as one, without the password."""
    with pytest.raises(IndexUnavailable, match="cannot be used") as refused:
        Database("postgresql://somebody:secret@127.0.0.1:1/record")
    assert "secret" not in str(refused.value)


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    """The transaction is undone as a whole."""
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(APPEND)
        raise ZeroDivisionError
    with database.reading() as connection:
        assert connection.scalar(COUNT) == 0


def test_a_read_sees_one_moment(database: Database) -> None:
    """What is committed beside it stays invisible until the next read."""
    with database.reading() as reader:
        assert reader.scalar(COUNT) == 0
        with database.writing() as writer:
            writer.execute(APPEND)
        assert reader.scalar(COUNT) == 0
    with database.reading() as reader:
        assert reader.scalar(COUNT) == 1


def test_a_connection_that_the_server_cut_is_replaced(postgres: Cluster) -> None:
    """A restart of PostgreSQL fails what runs, not what comes after."""
    database = Database(postgres.new_database())
    with pytest.raises(IndexUnavailable), database.reading() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.reading() as connection:
        assert connection.scalar(COUNT) == 0
    database.close()


def test_commits_wait_for_the_disk_whatever_a_role_says(postgres: Cluster) -> None:
    """One that does not wait would acknowledge what a crash takes back; one that waits for standbys too goes on so."""
    url = postgres.new_database()
    for asked, used in (("off", "on"), ("remote_apply", "remote_apply")):
        with psycopg.connect(url, autocommit=True) as connection:
            name = make_url(url).database
            connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET synchronous_commit = {asked}".encode())
        database = Database(url)
        for _ in range(2):
            with database.reading() as reader:
                assert reader.scalar(SYNCHRONOUS) == asked, "the role's own, before and after a write"
            with database.writing() as writer:
                assert writer.scalar(SYNCHRONOUS) == used
            assert database.write(lambda writer, many: [writer.scalar(SYNCHRONOUS) for _ in many], None) == used
        database.close()


def test_a_writer_that_waits_too_long_says_so(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds the writers' lock is an outage, not an endless wait."""
    monkeypatch.setattr("index.database.BUSY_TIMEOUT_S", 0.2)
    url = postgres.new_database()
    first, second = Database(url), Database(url)
    with first.writing(), pytest.raises(IndexUnavailable, match="lock"), second.writing():
        pass
    with second.writing() as connection:
        connection.execute(APPEND)
    first.close()
    second.close()


def test_sqlite_files_of_before_are_closed_cleanly(tmp_path: Path) -> None:
    """After closing no other process is kept out."""
    Database(url_of(tmp_path / "record.db")).close()
    with sqlite3.connect(tmp_path / "record.db", timeout=0.1) as connection:
        connection.execute("BEGIN EXCLUSIVE")
    connection.close()


def test_closing_waits_for_who_still_reads(record_url: str) -> None:
    """A thread that nobody waits for any more gives its connection back first; the next one is refused none."""
    database = Database(record_url)
    reading, go_on = threading.Event(), threading.Event()

    def read() -> int:
        with database.reading() as connection:
            reading.set()
            go_on.wait(30)
            return int(connection.scalar(text("SELECT 1")) or 0)

    with ThreadPoolExecutor(2) as threads:
        found = threads.submit(read)
        assert reading.wait(30)
        closing = threads.submit(database.close)
        assert not closing.done()
        go_on.set()
        closing.result(30)
        assert found.result(30) == 1
