"""The record's tables are upgraded in place, keep what they hold, and are refused where a newer Selvedge wrote them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from index.catalogue import Catalogue
from index.database import Database
from index.errors import IndexUnavailable
from index.records import REVISION, REVISION_TABLE, Record
from index.types import ItemDetails
from tests.factories import make_new_photo
from tests.postgres import Cluster

FIRST_TABLES = (Path(__file__).parent / "first_record.sql").read_text()
"""What Selvedge 0.1 made before there were migrations, as SQLite gave it back (`.schema`)."""


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/record.db"


def write_first_record(folder: Path) -> None:
    """A record as Selvedge 0.1 wrote it: three items, the last of them deleted."""
    with sqlite3.connect(folder / "record.db") as connection:
        connection.executescript(FIRST_TABLES)
        connection.execute("INSERT INTO schema_version VALUES (1)")
        for number in (1, 2, 3):
            connection.execute(
                "INSERT INTO items (item_id, seller_id, title, extra, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (f"SKU-{number}", "s1", f"Shirt {number}", '{"a": 1}', *["2026-01-02T03:04:05.000000+00:00"] * 2),
            )
            connection.execute(
                "INSERT INTO photos (item_number, photo_id, sha256, width, height, models_version, added_at)"
                " VALUES (?, ?, ?, 8, 8, 'older', '2026-01-02T03:04:05.000000+00:00')",
                (number, f"pho_{number}", f"{number:064x}"),
            )
            connection.execute(
                "INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', ?, ?, ?)",
                (number, f"SKU-{number}", "2026-01-02T03:04:05.000000+00:00"),
            )
        connection.execute("DELETE FROM photos WHERE item_number = 3")
        connection.execute("DELETE FROM items WHERE number = 3")
    connection.close()


def test_a_record_of_before_is_upgraded_and_loses_nothing(tmp_path: Path) -> None:
    """Items keep their numbers and photos, belong to the default tenant, and no number is lent twice."""
    write_first_record(tmp_path)
    catalogue = Catalogue(url_of(tmp_path))
    assert [item.item_id for item in catalogue.list().items] == ["SKU-1", "SKU-2"]
    item = catalogue.get("SKU-2")
    assert (item.tenant, item.details) == ("default", ItemDetails("s1", "Shirt 2", metadata={"a": 1}))
    assert [photo.photo_id for photo in item.photos] == ["pho_2"]
    assert catalogue.number_of("SKU-2") == 2
    assert [(change.sequence, change.tenant) for change in catalogue.changes_since(0)] == [
        (n, "default") for n in (1, 2, 3)
    ]
    catalogue.add(make_new_photo(3))
    assert catalogue.number_of("SKU-3") == 4
    catalogue.add(make_new_photo(3, tenant="B"))
    catalogue.close()


def test_an_upgraded_record_still_forgets_what_hangs_on_an_item(tmp_path: Path) -> None:
    """Foreign keys point to the rebuilt table, and are watched again."""
    write_first_record(tmp_path)
    catalogue = Catalogue(url_of(tmp_path))
    catalogue.delete("SKU-1")
    assert catalogue.photo_hashes() == {f"{2:064x}"}
    catalogue.close()


@pytest.mark.parametrize("kind", ["new", "upgraded", "postgresql"])
def test_the_migrations_make_the_tables_of_the_models(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """A change to `records.py` without a revision is found here."""
    url = url_of(tmp_path)
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    elif kind == "upgraded":
        write_first_record(tmp_path)
    database = Database(url)
    with database.reading() as connection:
        options = {"compare_type": False, "version_table": REVISION_TABLE, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Record.metadata) == []
    database.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """A record that is up to date is not even locked."""
    Database(url_of(tmp_path)).close()
    with sqlite3.connect(tmp_path / "record.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        Database(url_of(tmp_path)).close()
        other.execute("ROLLBACK")
    other.close()


@pytest.mark.parametrize("written", ["revision", "version", "theirs"])
def test_what_a_newer_selvedge_wrote_is_refused(tmp_path: Path, written: str) -> None:
    """So are tables that are not ours; with what to do, and nothing is changed."""
    path = tmp_path / "record.db"
    tables = {
        "revision": f"CREATE TABLE {REVISION_TABLE} (version_num TEXT); INSERT INTO {REVISION_TABLE} VALUES ('9999')",
        "version": "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (2)",
        "theirs": "CREATE TABLE theirs (x INTEGER)",
    }
    with sqlite3.connect(path) as connection:
        connection.executescript(tables[written])
    connection.close()
    with pytest.raises(IndexUnavailable, match="restore a backup, or name another database"):
        Database(url_of(tmp_path))
    with sqlite3.connect(path) as connection:
        assert len(connection.execute("SELECT name FROM sqlite_master").fetchall()) == 1
    connection.close()


def test_a_newer_postgresql_record_is_refused(postgres: Cluster) -> None:
    """By its revision, where it says that this one knows too little."""
    url = postgres.new_database()
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '9999'"))
        connection.execute(text("UPDATE record_support SET least_revision = '9999'"))
    database.close()
    with pytest.raises(IndexUnavailable, match="'9999'"):
        Database(url)


def write_as_a_later_release(url: str, least: str) -> None:
    """What a release of two revisions later does to the record: a column, a table, and who may still use it."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE items ADD COLUMN of_later VARCHAR"))
        connection.execute(text("CREATE TABLE of_later (number INTEGER PRIMARY KEY)"))
        connection.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '9998'"))
        connection.execute(text(f"UPDATE record_support SET least_revision = '{least}'"))
    engine.dispose()


def test_two_releases_work_on_one_record_while_one_replaces_the_other(record_url: str) -> None:
    """The earlier one goes on, and starts again, on what the later one added to; nothing is migrated back."""
    running = Catalogue(record_url)
    running.add(make_new_photo(1))
    write_as_a_later_release(record_url, least=REVISION)
    running.add(make_new_photo(2))
    started_again = Catalogue(record_url)
    started_again.add(make_new_photo(3))
    started_again.delete("SKU-1")
    assert [item.item_id for item in running.list().items] == ["SKU-2", "SKU-3"]
    assert [change.kind for change in running.changes_since(0)] == ["added", "added", "added", "deleted"]
    running.close()
    started_again.close()


def test_once_something_was_taken_away_the_earlier_release_is_refused(tmp_path: Path) -> None:
    """At its start, with what to do; the record stays as the later one left it."""
    Database(url_of(tmp_path)).close()
    write_as_a_later_release(url_of(tmp_path), least="9000")
    with pytest.raises(IndexUnavailable, match="start the Selvedge that wrote it"):
        Database(url_of(tmp_path))


def test_an_upgrade_that_fails_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is one transaction."""
    write_first_record(tmp_path)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        before = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        # A photo of an item that is not there: the upgrade finds it at its end and undoes itself.
        connection.execute("UPDATE photos SET item_number = 77 WHERE item_number = 2")
    connection.close()
    with pytest.raises(IndexUnavailable, match="nothing was changed"):
        Database(url_of(tmp_path))
    with sqlite3.connect(tmp_path / "record.db") as connection:
        assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    connection.close()


def test_two_processes_may_upgrade_at_once(postgres: Cluster) -> None:
    """The second finds it done."""
    from concurrent.futures import ThreadPoolExecutor

    url = postgres.new_database()
    with ThreadPoolExecutor(4) as threads:
        for database in threads.map(lambda _: Database(url), range(4)):
            database.close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {REVISION_TABLE}")) == REVISION
    engine.dispose()
