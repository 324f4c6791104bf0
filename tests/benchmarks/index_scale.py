"""How search, add, start and memory grow: `python -m tests.benchmarks.index_scale [fp16|sq8] [GARMENTS ...]`.

Where other work runs on the machine compare processor times, which are given beside those on the wall. Garments are
grown from real ones (`index_embeddings`). The record of a start holds every garment's row, but empty bytes for its long
columns, which a start from a snapshot does not read.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.live import LiveIndex
from index.sealing import sealing
from index.shards import Shards
from index.snapshot import Snapshots
from index.types import Query, Storage
from index.vectors import Designs
from models.weighting import RegionWeights
from tests.benchmarks.index_embeddings import BATCH_ROWS, KEPT_IN, RealGarments, grow, make_queries, read_real_garments
from tests.benchmarks.tables import Report, milliseconds

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SEARCHES = 150
CANDIDATES = 80
ADDS_A_SECOND = 100
TURNS = 10
FIGURES = KEPT_IN.with_name("index-growth.json")
BARS = {100_000: ("≤ 12 ms", "≤ 22 ms"), 1_000_000: ("≤ 60 ms", "≤ 110 ms")}


@dataclass(slots=True)
class Growth:
    """Figures of one size: milliseconds, seconds and bytes; `load` is the machine's, processes that wanted to run."""

    garments: int
    storage: str
    load: float = 0.0
    bytes_each: float = 0.0
    one_ms: float = 0.0
    one_cpu_ms: float = 0.0
    both_ms: float = 0.0
    both_cpu_ms: float = 0.0
    beside_adds_ms: float = 0.0
    add_ms: float = 0.0
    start_s: float = 0.0
    start_cpu_s: float = 0.0


def measure(sizes: tuple[int, ...], storage: Storage) -> Report:
    """One after the other, each in a folder of its own; figures are kept for `index_growth_plot`."""
    real = read_real_garments()
    _warm_up(real)
    report = Report(f"Growth, {storage}, {os.cpu_count()} cores, grown from {len(real.vectors)} real garments")
    for size in sizes:
        growth = Growth(size, storage.value)
        with tempfile.TemporaryDirectory(dir=KEPT_IN.parent) as folder:
            _measure_size(report, real, growth, Path(folder))
        keep(growth)
    return report


def keep(growth: Growth) -> None:
    """In place of what was measured of this size and storage before."""
    held = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    held[f"{growth.storage} {growth.garments}"] = asdict(growth)
    FIGURES.write_text(json.dumps(held, indent=1))


def _warm_up(real: RealGarments) -> None:
    """Threads and libraries are there before memory is measured."""
    shards = Shards(os.cpu_count() or 1)
    shards.extend(next(grow(real, 2_000)))
    _timed(shards, make_queries(real, 5, RegionWeights.equal(), both=True))
    shards.close()


def _measure_size(report: Report, real: RealGarments, growth: Growth, folder: Path) -> None:
    size = growth.garments
    before = memory_bytes()
    shards = Shards(os.cpu_count() or 1, sealing(Storage(growth.storage), folder))
    for designs in track(grow(real, size), f"{size:,}", total=-(-size // BATCH_ROWS)):
        shards.extend(designs)
    del designs
    growth.bytes_each = (memory_bytes() - before) / size
    report.add(f"{size:,}: memory a garment", "≤ 1,500 B", f"{growth.bytes_each:,.0f} B", size)
    one, both = (make_queries(real, SEARCHES, RegionWeights.equal(), both) for both in (False, True))
    bars = BARS.get(size, ("", ""))
    _timed(shards, one[:20])
    growth.load = os.getloadavg()[0]
    seen, growth.one_cpu_ms = _timed(shards, one)
    measured = f"{milliseconds(seen)}, CPU {growth.one_cpu_ms:.1f} ms"
    report.add(f"{size:,}: search, one orientation", bars[0], measured, SEARCHES)
    alone, beside, adds = _alternate(report, real, shards, growth, both)
    growth.one_ms, growth.both_ms, growth.beside_adds_ms, growth.add_ms = (
        1e3 * statistics.median(times) for times in (seen, alone, beside, adds)
    )
    _measure_start(report, real, shards, growth, folder)
    report.notes.append(f"{size:,}: load {growth.load:.1f}")
    shards.close()


def _alternate(
    report: Report, real: RealGarments, shards: Shards, growth: Growth, queries: list[Query]
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of searches alone, of searches beside adds, and of adds: by turns, for other work comes and goes."""
    size, bars = growth.garments, BARS.get(growth.garments, ("", ""))
    fresh = next(grow(real, 10_000, seed=9, first=size + 1))
    alone: list[float] = []
    beside: list[float] = []
    adds: list[float] = []
    alone_cpu, beside_cpu = [], []
    for turn in range(TURNS):
        some = queries[turn::TURNS]
        seconds, cpu = _timed(shards, some)
        alone += seconds
        alone_cpu.append(cpu)
        with adding(shards, fresh, len(adds)) as added:
            seconds, cpu = _timed(shards, some)
        beside += seconds
        beside_cpu.append(cpu)
        adds += added
    growth.both_cpu_ms = statistics.mean(alone_cpu)
    measured = f"{milliseconds(alone)}, CPU {growth.both_cpu_ms:.1f} ms"
    report.add(f"{size:,}: search, both orientations", bars[1], measured, len(alone))
    ratio = statistics.median(beside) / statistics.median(alone)
    measured = f"{milliseconds(beside)}, {ratio:.2f}×; CPU {statistics.mean(beside_cpu):.1f} ms, adds included"
    report.add(f"{size:,}: the same while {ADDS_A_SECOND} adds/s run", "≤ 1.5×", measured, len(beside))
    report.add(f"{size:,}: one add to the index, beside those searches", "", milliseconds(adds), len(adds))
    return alone, beside, adds


def _measure_start(report: Report, real: RealGarments, shards: Shards, growth: Growth, folder: Path) -> None:
    size = growth.garments
    catalogue = Catalogue(f"sqlite:///{folder}/record.db")
    held = sorted(int(n) for _, block in shards.blocks() for n in block.labels.garment_ids[block.alive])
    fill_record(folder / "record.db", held, real.models_version)
    moment = catalogue.moment(1)
    assert moment is not None
    snapshots = Snapshots(folder / "snapshots")
    started = time.perf_counter()
    path = snapshots.publish(list(shards.blocks()), shards.dimension or 0, real.models_version, moment)
    report.add(f"{size:,}: writing a snapshot", "", f"{time.perf_counter() - started:.2f} s", 1)
    mapped = Shards(os.cpu_count() or 1, sealing(Storage(growth.storage), folder))
    live = LiveIndex(catalogue, mapped, real.models_version, snapshots)
    started = time.perf_counter()
    before_cpu = time.process_time()
    live.load()
    growth.start_s, growth.start_cpu_s = time.perf_counter() - started, time.process_time() - before_cpu
    assert (live.started_from, len(mapped)) == (path, len(held))
    report.add(
        f"{size:,}: start to ready from it",
        "≤ 10 s" if size == 1_000_000 else "",
        f"{growth.start_s:.2f} s, CPU {growth.start_cpu_s:.2f} s",
        1,
    )
    query = make_queries(real, 1, RegionWeights.equal(), both=True, seed=5)
    report.add(f"{size:,}: the first search after it", "", milliseconds(_timed(mapped, query)[0]), 1)
    mapped.close()
    catalogue.close()


def fill_record(path: Path, garments: list[int], models_version: str) -> None:
    """Rows of designs whose long columns are empty, and one change."""
    empty, moment = b"", "2026-01-02T03:04:05.000000+00:00"
    short = (True, models_version, "vest", 31, empty, 0.5, "[]", "[]", empty, empty, empty, empty, empty)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO items (number, item_id, created_at, updated_at) VALUES (?, ?, ?, ?)",
            ((number, f"SKU-{number}", moment, moment) for number in garments),
        )
        connection.executemany(
            "INSERT INTO garments (number, photo_number, item_number, position, is_design, models_version, category,"
            " mask, vectors, confidence, box, regions, landmarks, colours, fingerprint, mirrored_fingerprint,"
            " mirrored_vectors)"
            f" VALUES ({', '.join('?' * 17)})",
            ((number, number, number, 0, *short) for number in garments),
        )
        connection.execute(
            "INSERT INTO changes (kind, item_number, item_id, at) VALUES ('added', 1, 'SKU-1', ?)", (moment,)
        )
    connection.close()


@contextmanager
def adding(shards: Shards, fresh: Designs, first: int) -> Iterator[list[float]]:
    """A thread that adds the rows of `fresh` from `first` on at a steady rate; the seconds that each took."""
    seconds: list[float] = []
    done = threading.Event()

    def work() -> None:
        started = time.perf_counter()
        for n in range(len(fresh) - first):
            if done.wait(max(0.0, started + n / ADDS_A_SECOND - time.perf_counter())):
                return
            one = fresh.where(fresh.garment_ids == fresh.garment_ids[first + n])
            begun = time.perf_counter()
            shards.settle(one.item_numbers, one)
            seconds.append(time.perf_counter() - begun)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seconds
    finally:
        done.set()
        thread.join()


def _timed(shards: Shards, queries: list[Query]) -> tuple[list[float], float]:
    """Seconds of each search, and processor time of one in milliseconds, all threads of the process together."""
    seconds = []
    before = time.process_time()
    for query in queries:
        started = time.perf_counter()
        shards.nearest(query, Exclusions(), CANDIDATES)
        seconds.append(time.perf_counter() - started)
    return seconds, 1e3 * (time.process_time() - before) / len(queries)


def memory_bytes() -> int:
    """Memory of this process that no file stands behind, now: what was freed is given back first."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    named = sys.argv[1:]
    kept_as = Storage(named.pop(0)) if named and not named[0].isdigit() else Storage.FP16
    measure(tuple(int(size) for size in named) or SIZES, kept_as).print()
