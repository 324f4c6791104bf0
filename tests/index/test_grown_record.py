"""The record and the writes of the benchmark of growth are those that a service would have."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.registry import Registry
from index.shards import Shards
from index.snapshot import Snapshots
from index.vectors import Designs
from models.weighting import RegionWeights
from tests.benchmarks.index_beside import Writes, bare_scan
from tests.benchmarks.index_embeddings import RealGarments, grow, make_queries
from tests.benchmarks.index_record import fill_record
from tests.factories import DIMENSION, MODELS_VERSION, make_embeddings

GARMENTS = 60


@pytest.fixture
def real() -> RealGarments:
    vectors = np.array([make_embeddings(seed, 31 if seed % 3 else 7, DIMENSION).vectors for seed in range(9)])
    return RealGarments(MODELS_VERSION, vectors, vectors[:, [1, 0, 2, 3, 4]], np.arange(1, 10, dtype=np.uint8))


@pytest.fixture
def designs(real: RealGarments) -> Designs:
    return next(grow(real, GARMENTS))


@pytest.fixture
def filled(tmp_path: Path, designs: Designs) -> Path:
    halves = np.arange(GARMENTS) < GARMENTS // 2
    fill_record(tmp_path / "record.db", [designs.where(halves), designs.where(~halves)], MODELS_VERSION)
    return tmp_path


def open_registry(folder: Path) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION, Shards(1))
    registry.start()
    return registry


def test_a_registry_starts_from_it_and_from_the_snapshot_beside_it(
    filled: Path, designs: Designs, real: RealGarments
) -> None:
    """Every garment is searched with its own vectors, every photo has its prints, both ways."""
    shards, catalogue = Shards(1), Catalogue(f"sqlite:///{filled}/record.db")
    shards.extend(designs)
    moment = catalogue.moment(GARMENTS)
    catalogue.close()
    assert moment is not None
    queries = make_queries(real, 3, RegionWeights.equal(), both=True)
    expected = [shards.nearest(query, Exclusions(), GARMENTS).garment_ids.tolist() for query in queries]
    for from_snapshot in (False, True):
        if from_snapshot:
            Snapshots(filled / "snapshots").publish(list(shards.blocks()), DIMENSION, MODELS_VERSION, moment)
        registry = open_registry(filled)
        assert (registry._live.started_from is not None) == from_snapshot
        assert registry.searchable == len(registry._live.prints) == GARMENTS
        assert len(registry.get("SKU-7").photos[0].garments) == 1
        found = [registry._live.nearest(query, Exclusions(), GARMENTS).garment_ids.tolist() for query in queries]
        assert found == expected
        assert all(len(registry.search(query)) == 20 for query in queries)
        registry.close()
    shards.close()


def test_writes_go_on_beside_searches_and_are_kept(filled: Path, designs: Designs, real: RealGarments) -> None:
    """Adds and some deletes, each counted once it is acknowledged."""
    registry = open_registry(filled)
    writes = Writes(registry, designs.where(slice(0, 5)), range(1, GARMENTS + 1), MODELS_VERSION)
    (query,) = make_queries(real, 1, RegionWeights.equal(), both=True)
    with writes.going_on():
        until = time.monotonic() + 60
        while len(writes.written.deletes) < 2 and time.monotonic() < until:
            assert bare_scan(registry, query) > 0
    adds, deletes = len(writes.written.adds), len(writes.written.deletes)
    assert adds >= 20 and deletes >= 2
    registry.close()
    again = open_registry(filled)
    assert again.searchable == len(again._live.prints) == GARMENTS + adds - deletes
    again.close()
