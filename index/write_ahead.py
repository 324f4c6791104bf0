"""SQLite's write-ahead log: it holds what was deleted until it is written over, however securely it was deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def empty_log(database: Path, within_s: float = 1.0) -> bool:
    """Copy all of it into the database and cut it to nothing; False where readers held it for longer, or the disk is
    full: ask again later."""
    try:
        with closing(sqlite3.connect(database, timeout=within_s)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    return not busy
