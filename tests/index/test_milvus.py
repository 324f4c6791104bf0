"""What is asked of Milvus, and what becomes of it where Milvus is away or another process has it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from index.errors import IndexUnavailable
from index.kept_verification import verify_kept
from index.labels import Exclusions
from index.milvus_questions import groups_of, rule_of
from index.registry import Registry
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT
from models.weighting import RegionWeights
from tests.factories import (
    MODELS_VERSION,
    make_embeddings,
    make_garment,
    make_new_photo,
    make_photo_bytes,
    make_query,
)
from tests.milvus import INSTALLED, lite_server, lite_uri, new_prefix, open_milvus

NEEDS_MILVUS = pytest.mark.skipif(not INSTALLED, reason="needs the extra [milvus]: make test-scale")


def test_a_filter_says_all_that_is_excluded_and_nothing_else() -> None:
    """The tenant always; whatever else only where it was asked for."""
    assert rule_of(Exclusions(tenant_key=-5), [7, 31]) == "tenant == -5 and mask in [7, 31] and disabled_until <= 0"
    asked = Exclusions(item_number=3, seller_key=-9, categories=frozenset({4, 2}), published_before=10, now=8)
    assert rule_of(asked, [1]).endswith(
        "disabled_until <= 8 and item != 3 and seller != -9 and category in [2, 4] and published < 10"
    )


def test_masks_that_share_the_same_regions_are_asked_for_together() -> None:
    """A query without sleeves compares the same with sleeves and without; each mask is asked for once at most."""
    sleeveless = make_garment(1, mask=7)
    groups = [masks for masks, _ in groups_of([3, 7, 15, 31], make_query(sleeveless, least_weight=0.0))]
    assert groups == [[3], [7, 15, 31]]
    one_sleeve = RegionWeights(np.array([0.0, 0, 0, 1, 0]))
    assert list(groups_of([7, 31], make_query(sleeveless, one_sleeve))) == [], "nothing that weighs is shared"


def test_a_group_is_asked_with_weights_that_sum_to_one_over_what_it_shares() -> None:
    """And nothing of regions that one side lacks, for each orientation that may be compared."""
    ours, flipped = make_embeddings(1, 31), make_embeddings(2, 3)
    query = make_query(make_garment(1, embeddings=ours, mirrored=flipped), least_weight=0.5)
    ((masks, vectors),) = groups_of([7], query)
    assert masks == [7] and vectors.shape == (1, ours.vectors.size), "the mirrored one shares too little"
    lengths = np.linalg.norm(vectors[0].reshape(REGION_COUNT, -1), axis=1)
    assert lengths == pytest.approx(np.where(mask_bits(7), 1 / 3, 0), abs=1e-6)


@NEEDS_MILVUS
def test_milvus_that_is_away_is_an_outage() -> None:
    """At the start and later, within the time that was set."""
    from index.milvus_collections import MilvusCollections

    started = time.monotonic()
    with pytest.raises(IndexUnavailable, match="Milvus could not open"):
        MilvusCollections("http://127.0.0.1:9", timeout_s=1)
    assert time.monotonic() - started < 20


@NEEDS_MILVUS
def test_a_file_of_milvus_lite_is_one_process_alone() -> None:
    """The other is told, and what is there is left as it is."""
    open_milvus().close()
    program = f"from index.milvus_collections import MilvusCollections; MilvusCollections({lite_uri()!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "index.errors.IndexUnavailable: Milvus could not open" in done.stderr


@NEEDS_MILVUS
def test_a_service_outlives_an_outage_of_milvus(tmp_path: Path) -> None:
    """Searches and adds are refused meanwhile; then all is found that was acknowledged, and what was recorded."""
    from index.milvus import MilvusVectors
    from index.milvus_collections import MilvusCollections

    with lite_server(tmp_path / "milvus.db") as (address, server):
        vectors = MilvusVectors(MilvusCollections(address, timeout_s=2), "t", MODELS_VERSION)
        registry = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, vectors, follow_every_s=0.1)
        registry.start()
        for seed in range(3):
            registry.add(make_new_photo(seed), make_photo_bytes(seed))
        server.kill()
        server.wait()
        with pytest.raises(IndexUnavailable):
            registry.search(make_query(make_garment(1)))
        with pytest.raises(IndexUnavailable):
            registry.add(make_new_photo(9), make_photo_bytes(9))
        with lite_server(tmp_path / "milvus.db", int(address.rpartition(":")[2])):
            until = time.monotonic() + 60
            while registry.stale:
                assert time.monotonic() < until
                time.sleep(0.1)
            for seed in (0, 1, 2, 9):
                hits = registry.search(make_query(make_garment(seed), min_score=0.9))
                assert [hit.item_id for hit in hits] == [f"SKU-{seed}"]
            registry.close()


@NEEDS_MILVUS
def test_verification_tells_what_differs_from_the_record(tmp_path: Path) -> None:
    """Nothing at first; then a row that was altered, and one that is missing."""
    vectors = open_milvus(new_prefix())
    registry = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, vectors)
    registry.start()
    for seed in range(5):
        registry.add(make_new_photo(seed, mask=(31, 7)[seed % 2]), make_photo_bytes(seed))
    catalogue = registry._catalogue

    def differing() -> dict[str, str]:
        found = verify_kept(catalogue, vectors, MODELS_VERSION)
        return {finding.name: finding.found for finding in found if not finding.agrees}

    assert differing() == {}
    ((_, designs), *_) = catalogue.designs(MODELS_VERSION)
    altered = designs.where(designs.garment_ids == 2)
    altered.labels.seller_keys[:] = 77
    vectors._collections.put(vectors._collections.names(vectors.name)[0], altered)
    wrong = {
        finding.name: finding.found for finding in verify_kept(catalogue, vectors, MODELS_VERSION) if not finding.agrees
    }
    assert wrong == {"garments whose vector and labels are the record's": "4"}
    vectors._collections.delete(vectors._collections.names(vectors.name)[0], np.array([3]))
    wrong = {
        finding.name: finding.found for finding in verify_kept(catalogue, vectors, MODELS_VERSION) if not finding.agrees
    }
    assert wrong["garments, counted by the engine"] == "4"
    assert wrong["garments whose vector and labels are the record's"] == "3"
    registry.close()
