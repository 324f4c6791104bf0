"""The look-up of prints at size: memory, start and time a check, on made prints.

`python -m tests.benchmarks.print_speed [PHOTOS]`; the start reads so many rows from a SQLite record.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from index.catalogue import Catalogue
from index.prints import WORDS, PrintIndex, PrintOf, Prints, Words

RADIUS = 60
REPEATS = 10


def main(photos: int) -> None:
    """Print what was measured, one line each."""
    random = np.random.default_rng(0)

    def words() -> Words:
        return random.integers(0, 2**63, (photos, WORDS), dtype=np.int64).view(np.uint64)

    numbers = np.arange(1, photos + 1)
    prints = Prints(numbers, numbers, np.full(photos, 7), words(), words())
    index = PrintIndex()
    index.clear(prints)
    held = sum(column.nbytes for column in (prints.photos, prints.designs, numbers, numbers, prints.tenant_keys))
    print(f"{photos:,} photos: {held / 1e6:.0f} MB")
    hashes = tuple(random.bytes(32) for _ in range(8))
    spent = []
    for _ in range(REPEATS):
        started = time.thread_time()
        for of in PrintOf:
            index.near(hashes, of, 7, RADIUS, 64)
        spent.append(time.thread_time() - started)
    print(f"look-up, a photo with one garment, 16 hashes: {np.median(spent) * 1e3:.1f} ms of processor time")
    with tempfile.TemporaryDirectory() as folder:
        print(f"start: {_start(Path(folder), photos, prints):.2f} s of processor time")


def _start(folder: Path, photos: int, prints: Prints) -> float:
    path = folder / "record.db"
    Catalogue(f"sqlite:///{path}").close()
    moment = "2026-01-02T03:04:05.000000+00:00"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.executemany(
            "INSERT INTO items (number, tenant, item_id, created_at, updated_at) VALUES (?, 't', ?, ?, ?)",
            ((n, f"SKU-{n}", moment, moment) for n in range(1, photos + 1)),
        )
        connection.executemany(
            "INSERT INTO prints (photo_number, models_version, item_number, photo, design) VALUES (?, 'm', ?, ?, ?)",
            (
                (n, n, prints.photos[n - 1].tobytes(), prints.designs[n - 1].tobytes())
                for n in range(1, photos + 1)
            ),
        )  # fmt: skip
    connection.close()
    catalogue = Catalogue(f"sqlite:///{path}")
    started = time.thread_time()
    assert len(catalogue.prints("m")) == photos
    spent = time.thread_time() - started
    catalogue.close()
    return spent


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
