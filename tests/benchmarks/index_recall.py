"""Top 20 of the shards beside exact float32 sums: `python -m tests.benchmarks.index_recall [fp16|sq8] [GARMENTS]`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import numpy as np

from index.device_rows import DeviceScanner
from index.labels import Exclusions
from index.sealing import sealing
from index.shards import Shards
from index.types import Query, Storage
from index.vectors import Designs, comparable
from models.runtime.running import Device
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT, REGIONS, WeightGroup
from models.types import RegionEmbeddings
from models.weighting import RegionWeights, read_weight_table
from service.settings import WEIGHTS_DIR
from tests.benchmarks.index_embeddings import PUBLISHED, grow, make_queries, read_real_garments
from tests.benchmarks.tables import Report

GARMENTS = 100_000
QUERIES = 60
TOP_K = 20
CANDIDATES = 80
"""What `search.find_hits` asks for at first, before it scores exactly."""
SLEEVELESS = 0b00111
TIE = 1e-6
SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)
EXCLUDED, OTHER = 1, 2
"""Two sellers."""


def measure(garments: int, storage: Storage) -> Report:
    """Recall under several weights, missing regions and filters."""
    real = read_real_garments()
    designs = Designs.joined(list(grow(real, garments)))
    # Where there is no card its graph is run by the processor: what it finds is the same.
    scanner = DeviceScanner(Device.AUTO) if storage is Storage.GPU else None
    shards = Shards(os.cpu_count() or 1, sealing(storage, scanner=scanner))
    shards.extend(designs)
    report = Report(
        f"Recall of the top {TOP_K}, {storage}, among {garments:,} garments grown from {len(real.vectors)} real ones"
    )
    for name, weights in weights_asked().items():
        queries = make_queries(real, QUERIES, weights, both=True)
        report.add(f"{name} weights", "≥ 0.999", _recall(shards, designs, queries, Exclusions()), QUERIES)
    queries = [_without_sleeves(query) for query in make_queries(real, QUERIES, weights_asked()["category"], both=True)]
    report.add(
        "category weights, query without sleeves", "≥ 0.999", _recall(shards, designs, queries, Exclusions()), QUERIES
    )
    queries = make_queries(real, QUERIES, weights_asked()["category"], both=True)
    for share in SHARES:
        for by, (held, exclusions) in _filters(designs, share).items():
            shards.settle(held.item_numbers, held)
            measured = _recall(shards, held, queries, exclusions)
            report.add(f"category weights, a filter by {by} that keeps {share:.0%}", "≥ 0.999", measured, QUERIES)
    shards.settle(designs.item_numbers, designs)
    for region in REGIONS:
        alone = RegionWeights(np.eye(REGION_COUNT)[region.row])
        queries = [_without_sleeves(query) for query in make_queries(real, QUERIES, alone, both=True)]
        measured = _recall(shards, designs, queries, Exclusions())
        report.add(f"{region} alone, query without sleeves", "≥ 0.999", measured, QUERIES)
    masks = ", ".join(
        f"{mask:05b}: {count:,}" for mask, count in zip(*np.unique(designs.masks, return_counts=True), strict=True)
    )
    report.notes.append(f"visible regions (right sleeve … collar): {masks}")
    report.notes.append("half of the queries have one region altered, half two; both orientations are searched")
    shards.close()
    return report


def _filters(designs: Designs, share: float) -> dict[str, tuple[Designs, Exclusions]]:
    """By what is filtered: garments filed so that so many are kept, and the question that keeps them."""
    random, labels = np.random.default_rng(2), designs.labels
    moments = random.integers(1, PUBLISHED, size=len(designs))
    sellers = np.where(random.uniform(size=len(designs)) < share, OTHER, EXCLUDED)
    disabled, sold = replace(labels, disabled_until=moments), replace(labels, seller_keys=sellers)
    return {
        "publication": (designs, Exclusions(published_before=int(share * PUBLISHED))),
        "disabled until": (replace(designs, labels=disabled), Exclusions(now=int(share * PUBLISHED))),
        "seller": (replace(designs, labels=sold), Exclusions(seller_key=EXCLUDED)),
    }


def weights_asked() -> dict[str, RegionWeights]:
    learned = read_weight_table(WEIGHTS_DIR / "region_weights.json").of(WeightGroup.T_SHIRT)
    return {
        "equal": RegionWeights.equal(),
        "category": learned,
        "single-region": RegionWeights(np.array([0, 1.0, 0, 0, 0])),
    }


def _recall(shards: Shards, designs: Designs, queries: list[Query], exclusions: Exclusions) -> str:
    """Share of the answers that belong among the exact top 20; of two that score the same either does."""
    right = wanted = 0
    for query in queries:
        truth = exact_scores(designs, query, exclusions)
        reachable = truth[np.isfinite(truth)]
        count = min(TOP_K, len(reachable))
        if not count:
            assert not len(shards.nearest(query, exclusions, CANDIDATES))
            continue
        least = np.sort(reachable)[-count]
        found = shards.nearest(query, exclusions, CANDIDATES)
        scores = truth[found.garment_ids - 1]
        best = np.sort(scores)[::-1][:count]
        right += int((best >= least - TIE).sum())
        wanted += count
    return f"{right / wanted:.4f}" if wanted else "nothing may answer, and nothing did"


def exact_scores(designs: Designs, query: Query, exclusions: Exclusions) -> np.ndarray:
    """float32 (n,): S in the better orientation, -inf where it may not answer."""
    best = np.full(len(designs), -np.inf, dtype=np.float32)
    for ours in (query.embeddings, query.mirrored):
        cosines = np.einsum("nrd,rd->nr", designs.vectors, ours.vectors, optimize=True)
        for mask in np.unique(designs.masks).tolist():
            if comparable(ours.mask, mask, query):
                weights = np.where(ours.visible & mask_bits(mask), query.weights.values, 0.0)
                rows = designs.masks == mask
                scores = cosines[rows] @ (weights / weights.sum())
                best[rows] = np.maximum(best[rows], scores)
    best[~exclusions.allowed(designs.labels)] = -np.inf
    return best


def _without_sleeves(query: Query) -> Query:
    def hide(side: RegionEmbeddings) -> RegionEmbeddings:
        visible = mask_bits(SLEEVELESS)[:, None]
        return RegionEmbeddings(side.vectors * visible, side.colours)

    return replace(query, embeddings=hide(query.embeddings), mirrored=hide(query.mirrored))


if __name__ == "__main__":
    named = sys.argv[1:]
    kept_as = Storage(named.pop(0)) if named and not named[0].isdigit() else Storage.FP16
    measure(int(named[0]) if named else GARMENTS, kept_as).print()
