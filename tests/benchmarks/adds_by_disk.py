"""Adds beside raw appends on slower and slower disks; `index_writes --sync-ms` asks for it.

Each disk is a process of its own, in which every sync of the raw append and of the record takes longer.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from index.catalogue import Catalogue
from tests.benchmarks.index_writes import BARS, MANY, ONE, adding, by_turns, raw_rate
from tests.benchmarks.slow_disk import compile_slow_disk, run_slowly, syncs_counted
from tests.postgres import find_postgres, running_cluster

MARKERS = {("SQLite", ONE): "C0o-", ("SQLite", MANY): "C1o-", ("PostgreSQL", ONE): "C0s:", ("PostgreSQL", MANY): "C1s:"}


@dataclass(frozen=True, slots=True)
class Point:
    """Adds of so many clients on a disk whose syncs take `longer_ms` more; `syncs` an add, of this process alone."""

    longer_ms: float
    database: str
    clients: int
    raw: float
    rate: float
    cpu_ms: float
    syncs: float
    load: float

    @property
    def ratio(self) -> float:
        return self.rate / self.raw

    @property
    def raw_ms(self) -> float:
        return 1e3 / self.raw


def measure_disks(disks_ms: Sequence[float], seconds: float) -> list[Point]:
    """A process for each disk; none where there is no C compiler."""
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as folder:
        library = compile_slow_disk(Path(folder))
        for longer_ms in disks_ms if library is not None else ():
            printed = run_slowly(library, longer_ms, "tests.benchmarks.adds_by_disk", [str(longer_ms), str(seconds)])
            points += [Point(**one) for one in json.loads(printed)]
    return points


def measure_disk(longer_ms: float, folder: Path, seconds: float) -> list[Point]:
    """On the disk that this process has; raises where the syncs of SQLite or of a raw append are not delayed."""
    url = f"sqlite:///{folder}/record.db"
    _prove_delay(folder, url)
    points = _measure_record(longer_ms, "SQLite", url, folder, seconds)
    if find_postgres() is not None:
        with running_cluster(durable=True) as cluster:
            points += _measure_record(longer_ms, "PostgreSQL", cluster.new_database(), folder, seconds)
    return points


def _measure_record(longer_ms: float, name: str, url: str, folder: Path, seconds: float) -> list[Point]:
    points = []
    for clients in (ONE, MANY):
        catalogue = Catalogue(url)
        turns = by_turns(adding(catalogue, clients), clients, folder, seconds)
        catalogue.close()
        syncs, load = turns.syncs / turns.count, os.getloadavg()[0]
        points.append(Point(longer_ms, name, clients, turns.raw, turns.rate, turns.cpu_ms, syncs, load))
    return points


def _prove_delay(folder: Path, url: str) -> None:
    before = syncs_counted()
    raw_rate(folder, 0)
    raw = syncs_counted() - before
    catalogue = Catalogue(url)
    before = syncs_counted()
    adding(catalogue, 0)()
    added = syncs_counted() - before
    catalogue.close()
    if raw != 1 or added < 1:
        raise RuntimeError(f"a raw append made {raw} delayed syncs and an add {added}: this measures no slower disk")


def print_points(points: Sequence[Point]) -> None:
    columns = ("syncs +ms", "record", "clients", "one raw append", "raw/s", "adds/s", "× raw", "bar", "CPU an add")
    table = Table(*columns, "syncs an add", "load", title="Durable adds by the time that a sync takes")
    for point in points:
        syncs = f"{point.syncs:.2f}" if point.database == "SQLite" else "the server's"
        raw = (f"{point.raw_ms:.2f} ms", f"{point.raw:.0f}")
        added = (f"{point.rate:.0f}", f"{point.ratio:.2f}", f"{BARS[point.clients]:g}", f"{point.cpu_ms:.2f} ms")
        named = (f"{point.longer_ms:g}", point.database, str(point.clients))
        table.add_row(*named, *raw, *added, syncs, f"{point.load:.1f}")
    Console(width=140).print(table)


def draw(points: Sequence[Point], picture: Path) -> None:
    """A panel for each number of clients: adds as a share of raw appends over the time of one raw append."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for axis, clients in zip(axes, (ONE, MANY), strict=True):
        for name in dict.fromkeys(point.database for point in points):
            held = sorted((p for p in points if (p.database, p.clients) == (name, clients)), key=lambda p: p.raw_ms)
            raw_ms, ratios = [point.raw_ms for point in held], [point.ratio for point in held]
            axis.plot(raw_ms, ratios, MARKERS[name, clients], markersize=4, label=name)
        axis.axhline(BARS[clients], color="0.4", linestyle="--", linewidth=1, label=f"bar, {BARS[clients]:g}×")
        axis.set_title(f"{clients} client{'s' if clients > 1 else ''}", fontsize=10)
        axis.set_xlabel("one raw append + fsync (ms)")
        axis.set_ylabel("durable adds / raw appends")
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = measure_disk(float(sys.argv[1]), Path(scratch), float(sys.argv[2]))
    print(json.dumps([asdict(point) for point in found]))
