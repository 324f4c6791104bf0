"""Bytes and times of a garment beyond the index's own: `python -m tests.benchmarks.scaling_measures [GARMENTS]`.

What the record takes in SQLite and PostgreSQL, and what Milvus Lite takes on disk and does a second, where it is
installed. `scaling_costs` counts with what this printed. Vectors are random: nothing here depends on what they mean.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psycopg

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.milvus import MilvusVectors
from index.milvus_collections import MilvusCollections
from index.registering import PreparedPhoto, register_photos
from tests.benchmarks.tables import Report
from tests.factories import MODELS_VERSION, make_designs, make_garment, make_new_photo, make_query
from tests.postgres import running_cluster

GARMENTS = 5_000
TOGETHER = 250
QUERIES = 20


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


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_milvus(report: Report, garments: int) -> None:
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
    measure_milvus(report, garments)
    report.print()


if __name__ == "__main__":
    main()
