"""How search, add, start and memory grow: `python -m tests.benchmarks.index_scale [fp16|sq8] [GARMENTS ...]`.

Where other work runs on the machine compare processor times, which are given beside those on the wall. Garments are
grown from real ones (`index_embeddings`). First the vectors alone, in memory; then a registry that starts from their
snapshot on a whole record (`index_record`), is searched, and takes durable adds and deletes (`index_beside`). Needs
about 11 kB of disk a garment meanwhile, in `var/`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.progress import track

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.registry import Registry
from index.sealing import sealing
from index.shards import Shards
from index.snapshot import Snapshots
from index.types import Query, Storage
from models.weighting import RegionWeights
from tests.benchmarks.index_beside import (
    ADDS_A_SECOND,
    CANDIDATES,
    DELETE_EVERY,
    PREPARED,
    Writes,
    search_by_turns,
    slower,
    wait_until_idle,
)
from tests.benchmarks.index_embeddings import BATCH_ROWS, KEPT_IN, RealGarments, grow, make_queries, read_real_garments
from tests.benchmarks.index_growth import Growth, keep
from tests.benchmarks.index_record import fill_record
from tests.benchmarks.tables import Report, milliseconds

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SEARCHES = 150
ADDS_TO_VECTORS = 200
BARS = {100_000: ("≤ 12 ms", "≤ 22 ms"), 1_000_000: ("≤ 60 ms", "≤ 110 ms")}


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


def _warm_up(real: RealGarments) -> None:
    """Threads and libraries are there before memory is measured."""
    shards = Shards(os.cpu_count() or 1)
    shards.extend(next(grow(real, 2_000)))
    _timed(shards, make_queries(real, 5, RegionWeights.equal(), both=True))
    shards.close()


def _measure_size(report: Report, real: RealGarments, growth: Growth, folder: Path) -> None:
    growth.load = os.getloadavg()[0]
    _measure_vectors(report, real, growth, folder)
    registry = _start(report, real, growth, folder)
    queries = make_queries(real, SEARCHES, RegionWeights.equal(), both=True)
    measured = milliseconds([_seconds_of_first(registry, queries[0])])
    report.add(f"{growth.garments:,}: the first whole search after it", "", measured, 1)
    wait_until_idle()
    _measure_registry(report, real, growth, registry, queries)
    registry.close()
    report.notes.append(f"{growth.garments:,}: load {growth.load:.1f}")


def _measure_vectors(report: Report, real: RealGarments, growth: Growth, folder: Path) -> None:
    """Memory, bare scans and adds of the vectors alone; leaves their snapshot and a record of the same garments."""
    size, bars = growth.garments, BARS.get(growth.garments, ("", ""))
    before = memory_bytes()
    shards = Shards(os.cpu_count() or 1, sealing(Storage(growth.storage), folder))
    for designs in track(grow(real, size), f"{size:,}", total=-(-size // BATCH_ROWS)):
        shards.extend(designs)
    del designs
    growth.bytes_each = (memory_bytes() - before) / size
    report.add(f"{size:,}: memory of the vectors, a garment", "≤ 1,500 B", f"{growth.bytes_each:,.0f} B", size)
    one, both = (make_queries(real, SEARCHES, RegionWeights.equal(), both) for both in (False, True))
    _timed(shards, one[:20])
    seen, growth.one_cpu_ms = _timed(shards, one)
    measured = f"{milliseconds(seen)}, CPU {growth.one_cpu_ms:.1f} ms"
    report.add(f"{size:,}: bare scan, one orientation", bars[0], measured, SEARCHES)
    twice, growth.both_cpu_ms = _timed(shards, both)
    measured = f"{milliseconds(twice)}, CPU {growth.both_cpu_ms:.1f} ms"
    report.add(f"{size:,}: bare scan, both orientations", bars[1], measured, SEARCHES)
    _leave_on_disk(report, real, growth, shards, folder)
    adds = _add_to_vectors(shards, real, size)
    report.add(f"{size:,}: one add to the vectors in memory", "", milliseconds(adds), len(adds))
    growth.one_ms, growth.both_ms, growth.add_ms = (1e3 * statistics.median(times) for times in (seen, twice, adds))
    shards.close()


def _leave_on_disk(report: Report, real: RealGarments, growth: Growth, shards: Shards, folder: Path) -> None:
    size = growth.garments
    batches = track(grow(real, size), f"{size:,}, record", total=-(-size // BATCH_ROWS))
    fill_record(folder / "record.db", batches, real.models_version)
    held = sum(path.stat().st_size for path in folder.glob("record.db*"))
    report.add(f"{size:,}: the record, SQLite", "", f"{held / size:,.0f} B a garment", size)
    catalogue = Catalogue(_url(folder))
    moment = catalogue.moment(size)
    catalogue.close()
    assert moment is not None
    started = time.perf_counter()
    snapshots = Snapshots(folder / "snapshots")
    snapshots.publish(list(shards.blocks()), shards.dimension or 0, real.models_version, moment)
    report.add(f"{size:,}: writing a snapshot", "", f"{time.perf_counter() - started:.2f} s", 1)
    # Or the syncs of the adds would wait for gigabytes that no service writes at once.
    os.sync()


def _add_to_vectors(shards: Shards, real: RealGarments, size: int) -> list[float]:
    """Seconds of each: no record, no file, nobody searching."""
    seconds = []
    fresh = next(grow(real, ADDS_TO_VECTORS, seed=8, first=size + 1))
    for garment in fresh.garment_ids:
        one = fresh.where(fresh.garment_ids == garment)
        started = time.perf_counter()
        shards.settle(one.item_numbers, one)
        seconds.append(time.perf_counter() - started)
    return seconds


def _start(report: Report, real: RealGarments, growth: Growth, folder: Path) -> Registry:
    """A registry from the snapshot; its memory is labels and prints, and with sq8 codes: fp16 vectors are mapped."""
    size, before = growth.garments, memory_bytes()
    shards = Shards(os.cpu_count() or 1, sealing(Storage(growth.storage), folder))
    registry = Registry(_url(folder), folder, real.models_version, shards)
    started, before_cpu = time.perf_counter(), time.process_time()
    registry.start()
    growth.start_s, growth.start_cpu_s = time.perf_counter() - started, time.process_time() - before_cpu
    assert registry._live.started_from is not None
    assert registry.searchable == len(registry._live.prints) == size
    growth.started_bytes_each = (memory_bytes() - before) / size
    bar = "≤ 10 s" if size == 1_000_000 else ""
    measured = f"{growth.start_s:.2f} s, CPU {growth.start_cpu_s:.2f} s"
    report.add(f"{size:,}: start to ready, prints included", bar, measured, 1)
    report.add(
        f"{size:,}: memory of it, beside mapped files", "", f"{growth.started_bytes_each:,.0f} B a garment", size
    )
    return registry


def _measure_registry(
    report: Report, real: RealGarments, growth: Growth, registry: Registry, queries: list[Query]
) -> None:
    """Whole searches beside bare scans, alone and while durable adds and deletes go on."""
    size = growth.garments
    fresh = next(grow(real, PREPARED, seed=9, first=size + 1))
    writes = Writes(registry, fresh, range(1, size + 1), real.models_version)
    alone, beside = search_by_turns(registry, queries, writes)
    written = writes.written
    growth.whole_cpu_ms = statistics.mean(alone.whole_cpu_ms)
    growth.adds_a_second = len(written.adds) / written.lasted_s
    growth.whole_ms, growth.beside_writes_ms, growth.whole_beside_writes_ms, growth.durable_add_ms, growth.delete_ms = (
        1e3 * statistics.median(times)
        for times in (alone.whole, beside.scans, beside.whole, written.adds, written.deletes or [0])
    )
    measured = f"{milliseconds(alone.whole)}, CPU {growth.whole_cpu_ms:.1f} ms; bare {milliseconds(alone.scans)}"
    report.add(f"{size:,}: whole search, both orientations", "", measured, len(alone.whole))
    paced = f"while {ADDS_A_SECOND} durable adds/s and {ADDS_A_SECOND // DELETE_EVERY} deletes/s run"
    for name, during, before in (("bare scan", beside.scans, alone.scans), ("whole search", beside.whole, alone.whole)):
        measured = f"{milliseconds(during)}, {slower(during, before):.2f}×"
        report.add(f"{size:,}: {name} {paced}", "≤ 1.5×", measured, len(during))
    measured = f"{milliseconds(written.adds)}; {growth.adds_a_second:.0f}/s reached"
    report.add(f"{size:,}: one durable add, beside those searches", "", measured, len(written.adds))
    if written.deletes:
        measured = milliseconds(written.deletes)
        report.add(f"{size:,}: one delete, beside those searches", "", measured, len(written.deletes))


def _seconds_of_first(registry: Registry, query: Query) -> float:
    started = time.perf_counter()
    assert registry.search(query)
    return time.perf_counter() - started


def _url(folder: Path) -> str:
    return f"sqlite:///{folder}/record.db"


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
