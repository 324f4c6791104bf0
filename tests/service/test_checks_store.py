"""Checks are kept for a while, and erased for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.checks_store import ChecksStore, KeptCheck, new_check_id
from service.errors import CheckNotFound, ChecksUnavailable


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'checks.sqlite'}"


def test_a_check_is_read_as_it_was_put(tmp_path: Path) -> None:
    """Also by another process, later."""
    store = ChecksStore(url(tmp_path), 30)
    store.put("chk_1", "default", b"{}")
    assert store.get("chk_1", "default") == b"{}"
    store.close()
    again = ChecksStore(url(tmp_path), 30)
    assert again.get("chk_1", "default") == b"{}"
    again.close()


def test_an_erased_check_leaves_nothing_in_the_file(tmp_path: Path) -> None:
    """A right to be forgotten."""
    store = ChecksStore(url(tmp_path), 30)
    store.put("chk_1", "default", b"something personal" * 50)
    assert any(b"something personal" in path.read_bytes() for path in tmp_path.iterdir())
    assert store.erase("chk_1", "default")
    # Looked for while the store is open: the log is not left for the end to clear.
    assert not any(b"something personal" in path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(CheckNotFound):
        store.get("chk_1", "default")
    assert store.find("chk_1", "default") is None
    store.close()


def test_checks_erased_among_many_leave_nothing_in_the_file(tmp_path: Path) -> None:
    """Pages were split and filled meanwhile; each name is looked for, in the file and in its log."""
    store = ChecksStore(url(tmp_path), 30)
    ids = [new_check_id() for _ in range(400)]
    for number, check_id in enumerate(ids):
        store.put(check_id, "default", check_id.encode() * (1 + number % 300))
    erased = ids[::7]
    for check_id in erased:
        store.erase(check_id, "default")
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [check_id for check_id in erased if check_id.encode() in data] == []
    assert ids[1].encode() in data
    store.close()


def test_a_log_that_somebody_reads_is_emptied_later(tmp_path: Path) -> None:
    """Whoever erased is told that the bytes are still there."""
    store = ChecksStore(url(tmp_path), 30)
    store.put("chk_1", "default", b"something personal" * 50)
    reader = sqlite3.connect(tmp_path / "checks.sqlite")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM checks").fetchone()
    assert not store.erase("chk_1", "default")
    reader.close()
    assert store.empty_log()
    assert not any(b"something personal" in path.read_bytes() for path in tmp_path.iterdir())
    store.close()


def test_another_tenant_finds_and_erases_nothing(tmp_path: Path) -> None:
    """Nor learns that there is something."""
    store = ChecksStore(url(tmp_path), 30)
    store.put("chk_1", "acme", b"{}", "selvedge:once:1")
    assert store.find("chk_1", "other") is None
    store.erase("chk_1", "other")
    assert store.find("chk_1", "acme") == KeptCheck(b"{}", "selvedge:once:1")
    store.close()


def test_a_file_of_an_earlier_release_is_read_and_written(tmp_path: Path) -> None:
    """It knows neither tenants nor Idempotency-Keys."""
    with sqlite3.connect(tmp_path / "checks.sqlite") as file:
        file.execute("CREATE TABLE checks (check_id VARCHAR(40) PRIMARY KEY, created_at DATETIME, answer BLOB)")
        file.execute(
            "INSERT INTO checks VALUES ('chk_1', ?, ?)", (datetime.now(UTC).replace(tzinfo=None).isoformat(" "), b"{}")
        )
    file.close()
    store = ChecksStore(url(tmp_path), 30)
    assert store.find("chk_1", "default") == KeptCheck(b"{}", None)
    store.put("chk_2", "acme", b"{}", "selvedge:once:1")
    assert store.get("chk_2", "acme") == b"{}"
    store.close()


def test_checks_older_than_they_are_kept_are_neither_shown_nor_held(tmp_path: Path) -> None:
    """Swept by the clock, whether or not another check comes."""
    store = ChecksStore(url(tmp_path), 30)
    store.put("chk_old", "default", b"old")
    store.put("chk_new", "default", b"new")
    store.close()
    long_ago = (datetime.now(UTC) - timedelta(days=30, seconds=1)).replace(tzinfo=None).isoformat(sep=" ")
    with sqlite3.connect(tmp_path / "checks.sqlite") as file:
        file.execute("UPDATE checks SET created_at = ? WHERE check_id = 'chk_old'", (long_ago,))
    file.close()
    store = ChecksStore(url(tmp_path), 30)
    with pytest.raises(CheckNotFound):
        store.get("chk_old", "default")
    assert (store.sweep(), store.sweep()) == (1, 0)
    store.close()
    with sqlite3.connect(tmp_path / "checks.sqlite") as file:
        held = [row[0] for row in file.execute("SELECT check_id FROM checks ORDER BY check_id")]
    file.close()
    assert held == ["chk_new"]


def test_zero_days_keep_nothing(tmp_path: Path) -> None:
    """For those who must not."""
    store = ChecksStore(url(tmp_path), 0)
    store.put("chk_1", "default", b"{}")
    with pytest.raises(CheckNotFound):
        store.get("chk_1", "default")
    store.close()


def test_a_store_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    """A spoilt file, or a table that is gone."""
    (tmp_path / "checks.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(ChecksUnavailable):
        ChecksStore(url(tmp_path), 30)
    (tmp_path / "other").mkdir()
    store = ChecksStore(url(tmp_path / "other"), 30)
    with sqlite3.connect(tmp_path / "other" / "checks.sqlite") as file:
        file.execute("DROP TABLE checks")
    file.close()
    uses: list[Callable[[], object]] = [
        lambda: store.put("a", "t", b""),
        lambda: store.get("a", "t"),
        lambda: store.find("a", "t"),
        lambda: store.erase("a", "t"),
        store.sweep,
    ]
    for use in uses:
        with pytest.raises(ChecksUnavailable):
            use()
    store.close()


def test_check_ids_are_unique_and_sort_by_time() -> None:
    """ULIDs."""
    ids = [new_check_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(check_id) == 30 and check_id.startswith("chk_0") for check_id in ids)
    assert [check_id[:14] for check_id in ids] == sorted(check_id[:14] for check_id in ids)
