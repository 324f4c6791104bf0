"""The same garments in Selvedge's shards, Milvus Lite and Qdrant: `python -m tests.benchmarks.index_peers [GARMENTS]`.

Needs `pip install -r requirements/peers.txt` beside the rest. Every engine has a process of its own, searches exactly
and holds the regions of a garment side by side in one vector. Weights scale the query, once for each visibility mask
that the garments have: one search filtered by mask for each, and for each orientation.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from index.blocks import best_each_garment
from index.labels import Exclusions, Ids
from index.sealing import sealing
from index.shards import Shards
from index.types import Query, Storage
from index.vectors import Candidates, Designs, comparable
from models.scoring import scaled_query
from models.taxonomy import REGION_COUNT
from tests.benchmarks.index_embeddings import KEPT_IN, Floats, grow, make_queries, read_real_garments
from tests.benchmarks.index_recall import CANDIDATES, TIE, TOP_K, exact_scores, weights_asked
from tests.benchmarks.index_scale import memory_bytes
from tests.benchmarks.tables import Report, milliseconds

GARMENTS = 50_000
QUERIES = 40
OURS = "Selvedge"
OURS_FASTER = "Selvedge faster, recall not lower"
LONGEST_S = 30.0
"""Of searching one engine: fewer queries then."""
BATCH = 1_000
Nearest = Callable[[Query], Candidates]
SearchOne = Callable[[Floats, int], tuple[Floats, Ids]]
"""(scaled query (5·D), mask) → scores and ids of the best `CANDIDATES` garments of that mask."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one engine did; `bytes_each` is memory that no file stands behind."""

    load_s: float
    seconds: list[float]
    cpu_ms: float
    bytes_each: float
    recall: float


@contextmanager
def shards(designs: Designs, folder: Path, storage: Storage) -> Iterator[Nearest]:
    """Selvedge's own."""
    made = Shards(os.cpu_count() or 1, sealing(storage, folder))
    made.extend(designs)
    yield lambda query: made.nearest(query, Exclusions(), CANDIDATES)
    made.close()


@contextmanager
def milvus_lite(designs: Designs, folder: Path) -> Iterator[Nearest]:
    """In this process; float32, which is all it knows."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(folder / "milvus.db"))
    schema = client.create_schema(auto_id=False)
    schema.add_field("garment", DataType.INT64, is_primary=True)
    schema.add_field("mask", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=REGION_COUNT * designs.dimension)
    parameters = client.prepare_index_params()
    parameters.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection("garments", schema=schema, index_params=parameters, consistency_level="Strong")
    for ids, masks, rows in _batches(designs):
        columns = zip(ids.tolist(), masks.tolist(), rows.tolist(), strict=True)
        client.insert("garments", [{"garment": i, "mask": m, "vector": row} for i, m, row in columns])
    client.flush("garments")
    client.load_collection("garments")

    def search(vector: Floats, mask: int) -> tuple[Floats, Ids]:
        (hits,) = client.search("garments", [vector.tolist()], filter=f"mask == {mask}", limit=CANDIDATES)
        return _columns([(hit["distance"], hit["garment"]) for hit in hits])

    yield lambda query: _each_mask(query, designs, search)
    client.close()


@contextmanager
def qdrant_edge(designs: Designs, folder: Path, half: bool) -> Iterator[Nearest]:
    """In this process, its own threads; `half`: vectors kept as float16."""
    import qdrant_edge as qdrant

    kind = qdrant.VectorStorageDatatype.Float16 if half else qdrant.VectorStorageDatatype.Float32
    size = REGION_COUNT * designs.dimension
    vectors = qdrant.EdgeVectorParams(size=size, distance=qdrant.Distance.Dot, datatype=kind)
    (folder / "edge").mkdir()
    shard = qdrant.EdgeShard.create(str(folder / "edge"), qdrant.EdgeConfig(vectors=vectors))
    shard.update(qdrant.UpdateOperation.create_field_index("mask", qdrant.PayloadSchemaType.Integer))
    for ids, masks, rows in _batches(designs):
        columns = zip(ids.tolist(), masks.tolist(), rows.tolist(), strict=True)
        points = [qdrant.Point(i, row, {"mask": m}) for i, m, row in columns]
        shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.flush()
    exact = qdrant.SearchParams(exact=True)

    def search(vector: Floats, mask: int) -> tuple[Floats, Ids]:
        chosen = qdrant.Filter(must=[qdrant.FieldCondition("mask", match=qdrant.MatchValue(mask))])
        nearest = qdrant.Query.Nearest(vector.tolist())
        hits = shard.query(qdrant.QueryRequest(CANDIDATES, query=nearest, filter=chosen, params=exact))
        return _columns([(hit.score, hit.id) for hit in hits])

    yield lambda query: _each_mask(query, designs, search)
    shard.close()


@contextmanager
def qdrant_local(designs: Designs, folder: Path) -> Iterator[Nearest]:
    """The client's local mode: the server's API over numpy."""
    del folder
    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, FieldCondition, Filter, MatchValue, PointStruct, VectorParams

    client = QdrantClient(":memory:")
    size = REGION_COUNT * designs.dimension
    client.create_collection("garments", vectors_config=VectorParams(size=size, distance=Distance.DOT))
    for ids, masks, rows in _batches(designs):
        columns = zip(ids.tolist(), masks.tolist(), rows.tolist(), strict=True)
        client.upsert("garments", [PointStruct(id=i, vector=row, payload={"mask": m}) for i, m, row in columns])

    def search(vector: Floats, mask: int) -> tuple[Floats, Ids]:
        chosen = Filter(must=[FieldCondition(key="mask", match=MatchValue(value=mask))])
        found = client.query_points("garments", query=vector.tolist(), query_filter=chosen, limit=CANDIDATES)
        return _columns([(hit.score, int(hit.id)) for hit in found.points])

    yield lambda query: _each_mask(query, designs, search)
    client.close()


ENGINES = {
    "Selvedge, fp16": lambda designs, folder: shards(designs, folder, Storage.FP16),
    "Selvedge, sq8": lambda designs, folder: shards(designs, folder, Storage.SQ8),
    "Qdrant edge, float16": lambda designs, folder: qdrant_edge(designs, folder, half=True),
    "Qdrant edge, float32": lambda designs, folder: qdrant_edge(designs, folder, half=False),
    "Milvus Lite": milvus_lite,
    "Qdrant client, local mode": qdrant_local,
}


def _batches(designs: Designs) -> Iterator[tuple[Ids, Ids, Floats]]:
    for first in range(0, len(designs), BATCH):
        some = slice(first, first + BATCH)
        ids = designs.garment_ids[some]
        yield ids, designs.masks[some].astype(np.int64), designs.vectors[some].reshape(len(ids), -1)


def _columns(hits: list[tuple[float, int]]) -> tuple[Floats, Ids]:
    return np.array([score for score, _ in hits], np.float32), np.array([garment for _, garment in hits], np.int64)


def _each_mask(query: Query, designs: Designs, search: SearchOne) -> Candidates:
    parts = []
    for mask in np.unique(designs.masks).tolist():
        for seen in (query.embeddings, query.mirrored):
            if comparable(seen.mask, mask, query):
                scores, ids = search(scaled_query(seen, mask, query.weights), mask)
                parts.append(Candidates(scores, ids, ids))
    return best_each_garment(parts, CANDIDATES)


def run_one(name: str, garments: int) -> Outcome:
    """In a process of its own."""
    real = read_real_garments()
    designs = Designs.joined(list(grow(real, garments)))
    queries = make_queries(real, QUERIES, weights_asked()["category"], both=True)
    before = memory_bytes()
    with tempfile.TemporaryDirectory(dir=KEPT_IN.parent) as folder:
        started = time.perf_counter()
        with ENGINES[name](designs, Path(folder)) as nearest:
            load_s = time.perf_counter() - started
            for query in queries[:3]:
                nearest(query)
            bytes_each = (memory_bytes() - before) / garments
            seconds, found, before_cpu = [], [], time.process_time()
            for query in queries:
                started = time.perf_counter()
                found.append(nearest(query))
                seconds.append(time.perf_counter() - started)
                if sum(seconds) > LONGEST_S:
                    break
            cpu_ms = 1e3 * (time.process_time() - before_cpu) / len(seconds)
    recalls = []
    for query, near in zip(queries, found, strict=False):
        truth = exact_scores(designs, query, Exclusions())
        least = np.sort(truth)[-TOP_K]
        recalls.append(float((np.sort(truth[near.garment_ids - 1])[::-1][:TOP_K] >= least - TIE).mean()))
    return Outcome(load_s, seconds, cpu_ms, bytes_each, statistics.mean(recalls))


def measure(garments: int) -> Report:
    """One engine after the other, each in a process of its own; each peer beside our own of the same run."""
    report = Report(f"{garments:,} garments, top {TOP_K}, category weights, both orientations, {os.cpu_count()} cores")
    ours: dict[str, Outcome] = {}
    for name in ENGINES:
        command = [sys.executable, "-m", "tests.benchmarks.index_peers", str(garments), name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            report.add(name, OURS_FASTER, "failed", 0)
            continue
        outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
        if name.startswith(OURS):
            ours[name] = outcome
        bar, beside = ("", "") if name in ours else (OURS_FASTER, f"; {_beside(outcome, ours)}")
        measured = f"{milliseconds(outcome.seconds)}, CPU {outcome.cpu_ms:.0f} ms, recall {outcome.recall:.4f}"
        report.add(
            name,
            bar,
            f"{measured}, {outcome.bytes_each:,.0f} B, loaded in {outcome.load_s:.1f} s{beside}",
            len(outcome.seconds),
        )
    report.notes.append(f"load of the machine: {os.getloadavg()[0]:.1f}")
    return report


def _beside(peer: Outcome, ours: dict[str, Outcome]) -> str:
    """How many times a peer's median of ours it takes, and whether the bar is reached by each."""
    parts = []
    for name, own in ours.items():
        times = statistics.median(peer.seconds) / statistics.median(own.seconds)
        reached = times > 1 and own.recall >= peer.recall
        parts.append(f"{times:.1f}× {name}" + ("" if reached else " (not reached)"))
    return ", ".join(parts)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.stdout.write(json.dumps(asdict(run_one(sys.argv[2], int(sys.argv[1])))) + "\n")
    else:
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else GARMENTS).print()
