"""Bytes and times of a garment beyond the index's own: `python -m tests.benchmarks.scaling_measures [GARMENTS]`.

What the record takes in SQLite and PostgreSQL, what a scan takes in float32 and in fp16 by turns, and what Milvus Lite
takes on disk and does a second, where it is installed. `scaling_costs` counts with what this printed. Vectors are
random: nothing here depends on what they mean.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import psycopg

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.registering import PreparedPhoto, register_photos
from index.segments import SealedRows
from models.taxonomy import REGION_COUNT
from tests.benchmarks.tables import Report
from tests.factories import DIMENSION, MODELS_VERSION, make_designs, make_garment, make_new_photo, make_query
from tests.postgres import running_cluster

GARMENTS = 5_000
TOGETHER = 250
QUERIES = 20
SCANNED = 300_000
"""Far beyond what caches hold."""
TURNS = 7


def fill(url: str, garments: int) -> None:
    """A record of as many items, one photo and garment each."""
    catalogue = Catalogue(url)
    for first in range(0, garments, TOGETHER):
        photos = [PreparedPhoto.of(make_new_photo(seed)) for seed in range(first, min(first + TOGETHER, garments))]
        with catalogue._database.writing() as connection:
            register_photos(connection, photos)
    catalogue.close()


def measure_records(report: Report, garments: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fill(f"sqlite:///{folder}/record.db", garments)
        held = sum(path.stat().st_size for path in Path(folder).iterdir())
        report.add("record, SQLite", "", f"{held / garments:,.0f} B a garment", garments)
    with running_cluster() as cluster:
        url = cluster.new_database()
        fill(url, garments)
        with psycopg.connect(url) as connection:
            connection.execute("CHECKPOINT")
            (held,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
            (empty,) = connection.execute("SELECT pg_database_size('template1')").fetchone() or (0,)
        report.add("record, PostgreSQL", "", f"{(held - empty) / garments:,.0f} B a garment", garments)


def measure_scans(report: Report) -> None:
    """Of one thread, all regions: FAISS's flat float32, which Milvus's FLAT is, and our fp16 rows, by turns."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((SCANNED, REGION_COUNT * DIMENSION), dtype=np.float32)
    flat, rows = faiss.IndexFlatIP(vectors.shape[1]), SealedRows(vectors.astype(np.float16))
    flat.add(vectors)
    faiss.omp_set_num_threads(1)
    for queries in (1, 2):
        asked = np.ascontiguousarray(vectors[:queries])
        spent: tuple[list[float], list[float]] = [], []
        for _ in range(TURNS):
            spent[0].append(_thread_us(partial(flat.search, asked, 80)))
            spent[1].append(_thread_us(partial(_scan_parts, rows, asked)))
        for name, times in zip(("float32, FAISS", "fp16, a segment"), spent, strict=True):
            measured = f"{statistics.median(times) / queries:.3f} µs a row and query"
            report.add(f"scan, {name}, {queries} at a time", "", measured, TURNS)


def _scan_parts(rows: SealedRows, queries: npt.NDArray[np.float32]) -> None:
    for part in range(len(rows.parts)):
        rows.top(queries, None, 80, part)


def _thread_us(scan: Callable[[], object]) -> float:
    """Processor time of this thread, in microseconds a row scanned."""
    before = time.thread_time()
    scan()
    return 1e6 * (time.thread_time() - before) / SCANNED


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_milvus(report: Report, garments: int) -> None:
    from index.milvus import MilvusVectors
    from index.milvus_collections import MilvusCollections

    with tempfile.TemporaryDirectory() as folder:
        vectors = MilvusVectors(MilvusCollections(f"{folder}/lite.db"), "t", MODELS_VERSION)
        designs = make_designs(1, garments, dimension=128)
        started = time.perf_counter()
        for first in range(0, garments, 1000):
            vectors.extend(designs.where((designs.garment_ids > first) & (designs.garment_ids <= first + 1000)))
        seconds = time.perf_counter() - started
        vectors._collections.flush(vectors._collections.names(vectors.name)[0])
        report.add("Milvus Lite, building", "", f"{garments / seconds:,.0f} garments/s", garments)
        held = folder_bytes(Path(folder))
        report.add("Milvus Lite, disk", "", f"{held / garments:,.0f} B a garment", garments)
        query = make_query(make_garment(1))
        started = time.perf_counter()
        for _ in range(QUERIES):
            vectors.nearest(query, Exclusions(), 80)
        seconds = (time.perf_counter() - started) / QUERIES
        report.add("Milvus Lite, a search, both orientations", "", f"{1e3 * seconds:,.0f} ms", QUERIES)
        vectors.close()


def main() -> None:
    garments = int(sys.argv[1]) if len(sys.argv) > 1 else GARMENTS
    report = Report("Bytes and times of a garment")
    measure_records(report, garments)
    measure_scans(report)
    if importlib.util.find_spec("pymilvus"):
        measure_milvus(report, garments)
    report.print()


if __name__ == "__main__":
    main()
