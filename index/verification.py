"""Compares what a start from the latest snapshot would serve with the record: counts, checksums, searches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.catalogue import Catalogue
from index.errors import SnapshotUnusable
from index.labels import Exclusions, Ids
from index.live import LiveIndex
from index.manifest import Manifest
from index.shards import Shards
from index.snapshot import Snapshots, check_files
from index.types import Query
from index.vectors import Designs
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights

SAMPLES = 50
TOP_K = 20
_HASHED_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was compared."""

    name: str
    expected: str
    found: str

    @property
    def agrees(self) -> bool:
        return self.expected == self.found


def verify(
    catalogue: Catalogue, snapshots: Snapshots, models_version: str, tick: Callable[[], None] = lambda: None
) -> list[Finding]:
    """Load the index twice, from the latest snapshot and from the record, and tell what was compared."""
    findings = [_check_latest(snapshots, tick)]
    mapped, fresh = Shards(os.cpu_count() or 1), Shards(os.cpu_count() or 1)
    try:
        from_snapshot = LiveIndex(catalogue, mapped, models_version, snapshots)
        from_snapshot.load()
        started = from_snapshot.started_from
        latest = next(iter(snapshots.paths()), None)
        findings.append(Finding("start", _name(latest), _name(started)))
        sequence, samples = _read_record(catalogue, models_version, fresh, tick)
        from_snapshot.catch_up(sequence)
        return [*findings, *_compare(mapped, fresh, samples, models_version)]
    finally:
        mapped.close()
        fresh.close()


def fingerprints(shards: Shards) -> npt.NDArray[np.int64]:
    """int64 (n, 2), by garment id: the id, and 64 bits of all that is held of it, wherever it is held."""
    parts = [np.empty((0, 2), dtype=np.int64)]
    for (tenant, mask), block in shards.blocks():
        labels, codes = block.labels, block.rows.codes()
        group = [np.full(len(block), number, dtype=np.int64) for number in (tenant, mask)]
        columns = np.stack([*group, *(column.astype(np.int64) for column in labels.columns().values())], axis=1)
        hashed = _hash_rows(codes.view(np.uint16)) ^ _hash_rows(columns)
        parts.append(np.stack([labels.garment_ids, hashed.view(np.int64)], axis=1)[block.alive])
    joined = np.concatenate(parts)
    return np.asarray(joined[np.argsort(joined[:, 0], kind="stable")])


def tombstones(shards: Shards) -> Ids:
    """Garments that are held but do not answer."""
    dead = [np.empty(0, dtype=np.int64), *(block.labels.garment_ids[~block.alive] for _, block in shards.blocks())]
    return np.concatenate(dead)


def _check_latest(snapshots: Snapshots, tick: Callable[[], None]) -> Finding:
    for path in snapshots.paths()[:1]:
        try:
            check_files(path, Manifest.read(path), tick)
        except SnapshotUnusable as error:
            return Finding("checksums of the latest snapshot", "all agree", str(error))
        return Finding("checksums of the latest snapshot", "all agree", "all agree")
    return Finding("checksums of the latest snapshot", "no snapshot", "no snapshot")


def _read_record(
    catalogue: Catalogue, models_version: str, fresh: Shards, tick: Callable[[], None]
) -> tuple[int, Designs]:
    """Fill `fresh`; the sequence, and garments to search for."""
    random = np.random.default_rng(0)
    sequence, some = 0, []
    for read_at, designs in catalogue.designs(models_version):
        sequence = read_at
        if len(designs):
            fresh.extend(designs)
            chosen = np.zeros(len(designs), dtype=np.bool_)
            chosen[random.integers(len(designs), size=2)] = True
            some.append(designs.where(chosen))
        tick()
    samples = Designs.joined(some)
    kept = np.zeros(len(samples), dtype=np.bool_)
    kept[random.permutation(len(samples))[:SAMPLES]] = True
    return sequence, samples.where(kept)


def _compare(mapped: Shards, fresh: Shards, samples: Designs, models_version: str) -> list[Finding]:
    ours, truth = fingerprints(mapped), fingerprints(fresh)
    risen = np.isin(tombstones(mapped), truth[:, 0])
    pairs = ((_top(one, samples, n, models_version) for one in (mapped, fresh)) for n in range(len(samples)))
    same = sum(a == b for a, b in pairs)
    return [
        Finding("garments", f"{len(fresh):,}", f"{len(mapped):,}"),
        Finding("checksum of all rows and labels", _digest(truth), _digest(ours)),
        Finding("tombstones that the record knows alive", "0", str(int(risen.sum()))),
        Finding("searches that answer the same", str(len(samples)), str(same)),
    ]


def _top(shards: Shards, samples: Designs, n: int, models_version: str) -> list[tuple[int, float]]:
    """Garments and scores of a sample's search, disabled ones included."""
    no_colours = np.zeros((REGION_COUNT, 3), dtype=np.float32)
    seen = RegionEmbeddings(samples.vectors[n], no_colours)
    query = Query(seen, seen, RegionWeights.equal(), models_version, top_k=TOP_K)
    everything = Exclusions(tenant_key=int(samples.labels.tenant_keys[n]), now=np.iinfo(np.int64).max)
    found = shards.nearest(query, everything, TOP_K)
    return list(zip(found.garment_ids.tolist(), found.scores.round(5).tolist(), strict=True))


def _hash_rows(rows: npt.NDArray[np.uint16] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """64 bits a row: a sum of odd multiples, so that any change of one number changes it."""
    odd = np.random.default_rng(rows.shape[1]).integers(0, 2**62, size=rows.shape[1], dtype=np.uint64) * 2 + 1
    hashed = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _HASHED_ROWS):
        some = rows[start : start + _HASHED_ROWS].astype(np.uint64)
        hashed[start : start + _HASHED_ROWS] = (some * odd).sum(axis=1, dtype=np.uint64)
    return hashed


def _digest(rows: npt.NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()[:16]


def _name(path: object) -> str:
    return getattr(path, "name", "the record")
