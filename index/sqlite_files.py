"""SQLite files as files: copied while others write, and their write-ahead logs emptied."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def copy_database(source: Path, target: Path) -> Path:
    """A copy as of now, its log included, writers going on. Raises sqlite3.Error."""
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
    return target


def empty_log(database: Path, within_s: float = 1.0) -> bool:
    """Copy all of it into the database and cut it to nothing: it holds what was deleted, however securely.

    False where readers held it for longer, or the disk is full: ask again later.
    """
    try:
        with closing(sqlite3.connect(database, timeout=within_s)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    return not busy
