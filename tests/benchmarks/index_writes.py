"""Durable writes beside the bare disk: `python -m tests.benchmarks.index_writes --help`.

Embeddings are given. A client adds new items one after the other; raw is one file to which as many bytes as an item's
garment takes are appended and fsynced, in the same folder and by turns.
"""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from index.catalogue import Catalogue
from index.garment_rows import garment_to_row
from index.registry import Registry
from index.types import NewPhoto
from tests.benchmarks.slow_disk import syncs_counted
from tests.benchmarks.tables import Report
from tests.factories import MODELS_VERSION, make_new_photo, make_photo_bytes
from tests.postgres import find_postgres, running_cluster

SECONDS = 10.0
TURNS = 5
PREPARED = 4000
ONE, MANY = 1, 16
BARS = {ONE: 0.8, MANY: 8.0}
"""Clients → adds a second as a share of raw appends."""


def main(
    seconds: Annotated[float, typer.Argument(help="How long a row takes, and the raw appends beside it.")] = SECONDS,
    sync_ms: Annotated[
        str | None,
        typer.Option(help="Measure the record alone on slower disks: every sync is made and takes so much longer."),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="With --sync-ms: draw the shares over the disk here.")] = None,
) -> None:
    """Durable adds a second beside raw append + fsync.

    Example: python -m tests.benchmarks.index_writes 4 --sync-ms 0,1,2,4,6 --picture docs/images/adds-by-disk.png
    """
    if sync_ms is None:
        with tempfile.TemporaryDirectory() as scratch:
            measure(Path(scratch), seconds).print()
        return
    from tests.benchmarks import adds_by_disk

    points = adds_by_disk.measure_disks([float(one) for one in sync_ms.split(",")], seconds)
    if not points:
        typer.echo("No C compiler (cc, gcc) here: a slower disk cannot be had, and nothing was measured.")
        raise typer.Exit(1)
    adds_by_disk.print_points(points)
    if picture is not None:
        adds_by_disk.draw(points, picture)


def measure(folder: Path, seconds: float) -> Report:
    """Adds a second by record, clients, and with or without the photo's bytes."""
    report = Report("Durable adds, embeddings given, beside raw append + fsync")
    _measure_record(report, "SQLite", f"sqlite:///{folder}/record.db", folder, seconds)
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION)
    registry.start()
    for clients in BARS:
        turns = by_turns(_adding_with_bytes(registry), clients, folder, seconds)
        report.add(f"SQLite, with the photo's file, searchable, {clients} client(s)", "", str(turns), turns.count)
    registry.close()
    if find_postgres() is None:
        report.notes.append("PostgreSQL is not installed here")
        return report
    with running_cluster(durable=True) as cluster:
        _measure_record(report, "PostgreSQL", cluster.new_database(), folder, seconds)
    return report


def _measure_record(report: Report, name: str, url: str, folder: Path, seconds: float) -> None:
    for clients, bar in BARS.items():
        catalogue = Catalogue(url)
        turns = by_turns(adding(catalogue, clients), clients, folder, seconds)
        catalogue.close()
        report.add(f"{name}, the record alone, {clients} client(s)", f"≥ {bar:g}×", str(turns), turns.count)


@dataclass(frozen=True, slots=True)
class Turns:
    """Adds and raw appends a second, and of this process: processor time an add, and how many delayed syncs."""

    rate: float
    raw: float
    cpu_ms: float
    syncs: int
    count: int

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s = {self.rate / self.raw:.2f}× of {self.raw:.0f}/s, CPU {self.cpu_ms:.2f} ms"


def by_turns(add: Callable[[], object], clients: int, folder: Path, seconds: float) -> Turns:
    """Adds and bare appends by turns, for other work on the disk comes and goes."""
    _photos()
    raw, rates, count, syncs, spent_s = [], [], 0, 0, 0.0
    for _ in range(TURNS):
        raw.append(raw_rate(folder, seconds / TURNS))
        before, synced = time.process_time(), syncs_counted()
        rate, done = adds_a_second(add, clients, seconds / TURNS)
        spent_s += time.process_time() - before
        syncs += syncs_counted() - synced
        rates.append(rate)
        count += done
    return Turns(sum(rates) / TURNS, sum(raw) / TURNS, 1e3 * spent_s / count, syncs, count)


def adding(catalogue: Catalogue, run: int) -> Callable[[], object]:
    """Adds the next new item each time; `run` tells its items from those of others."""
    numbers = itertools.count()
    return lambda: catalogue.add(_new_item(next(numbers), run))


def _adding_with_bytes(registry: Registry) -> Callable[[], object]:
    numbers = itertools.count(registry.sequence)

    def add() -> object:
        seed = next(numbers)
        return registry.add(_new_item(seed, "with bytes"), make_photo_bytes(seed % len(_photos())))

    return add


@functools.cache
def _photos() -> list[NewPhoto]:
    """Made beforehand: making them costs more than adding them."""
    return [make_new_photo(seed) for seed in range(PREPARED)]


def _new_item(number: int, run: object) -> NewPhoto:
    photos = _photos()
    return replace(photos[number % len(photos)], item_id=f"{run}-{number}")


def adds_a_second(add: Callable[[], object], clients: int, seconds: float) -> tuple[float, int]:
    """The rate, and how many adds it was measured on."""
    _photos()
    counts = [0] * clients
    started = time.perf_counter()

    def work(client: int) -> None:
        while time.perf_counter() - started < seconds:
            add()
            counts[client] += 1

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started), sum(counts)


def raw_rate(folder: Path, seconds: float) -> float:
    """Appends a second of as many bytes as a garment's columns hold, each fsynced before the next."""
    row = garment_to_row(make_new_photo(1).garments[0])
    data = b"x" * sum(len(value) for value in row.values() if isinstance(value, bytes))
    started, count = time.perf_counter(), 0
    with (folder / "raw").open("ab", buffering=0) as file:
        while count == 0 or time.perf_counter() - started < seconds:
            file.write(data)
            os.fsync(file.fileno())
            count += 1
    return count / (time.perf_counter() - started)


if __name__ == "__main__":
    typer.run(main)
