"""Query → candidates → exact float32 scores per region → one Hit an item, best first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from index.catalogue import Catalogue
from index.labels import Exclusions, category_code, microseconds, seller_key, tenant_key
from index.live import LiveIndex
from index.reading import FoundGarment
from index.types import Hit, Query
from index.vectors import Candidates, comparable
from models.scoring import UPRIGHT_PREFERENCE, colour_shifts, region_cosines, seen_mirrored, weighted_score
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings

ROUNDING = 1e-3
"""Two scores of unit vectors kept as fp16 (11 bits) can change places only where they are closer than 2 · 2⁻¹¹."""
SLACK = ROUNDING + UPRIGHT_PREFERENCE
"""The index scores the better orientation, a hit may be scored by the upright one: so far can they lie apart."""
FIRST_CANDIDATES = 8
"""Candidates fetched at first for each hit that is wanted: items with many views crowd each other out, and in a large
catalogue many lie within `SLACK` of the last one; of four a hit two in five searches of a million scanned twice."""
MOST_CANDIDATES = 16_384
"""Where more garments than this are all but equally near, the choice among them is arbitrary."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Exact scores against one garment, in the better orientation; `cosines` float32 (5,), NaN if not compared."""

    score: float
    mirrored: bool
    cosines: npt.NDArray[np.float32]


def find_hits(query: Query, live: LiveIndex, catalogue: Catalogue) -> list[Hit]:
    """At most `top_k` hits with at least `min_score`, ties by item id. Raises EmbeddingMismatch, IndexUnavailable."""
    found, gone = _look_up(query, live, catalogue)
    if gone:
        catch_up_with_record(live, catalogue)
        found, _ = _look_up(query, live, catalogue)
    best: dict[str, tuple[int, Comparison]] = {}
    for garment_id, record in sorted(found.items()):
        compared = _compare(query, record.garment.embeddings)
        if compared is None or compared.score < query.min_score:
            continue
        if record.item_id not in best or compared.score > best[record.item_id][1].score:
            best[record.item_id] = (garment_id, compared)
    ranked = sorted(best.items(), key=lambda entry: (-entry[1][1].score, entry[0]))[: query.top_k]
    return [_hit(query, garment_id, found[garment_id], compared) for _, (garment_id, compared) in ranked]


def catch_up_with_record(live: LiveIndex, catalogue: Catalogue) -> None:
    """For a search that met what the record has no more: it was deleted, or stands there anew and is not searched yet.

    Once a search, so that one beside many writes ends too. Raises IndexUnavailable, amid a rebuild at once.
    """
    live.require_ready()
    live.catch_up(catalogue.last_sequence())


def hit_of(query: Query, garment_id: int, found: FoundGarment) -> Hit:
    """A garment that was found by other means, compared like all others: score 0 where no region can be compared."""
    compared = _compare(query, found.garment.embeddings)
    if compared is None:
        compared = Comparison(0.0, False, np.full(REGION_COUNT, np.nan, dtype=np.float32))
    return _hit(query, garment_id, found, compared)


def _look_up(query: Query, live: LiveIndex, catalogue: Catalogue) -> tuple[Mapping[int, FoundGarment], bool]:
    """What the record holds of the contenders, and whether it lacks any."""
    contenders = _contenders(query, live, _exclusions(query, catalogue))
    found = catalogue.find(contenders, query.filters.tenant)
    return found, len(found) < len(contenders)


def _exclusions(query: Query, catalogue: Catalogue) -> Exclusions:
    filters = query.filters
    item, seller, before = filters.exclude_item_id, filters.exclude_seller_id, filters.published_before
    return Exclusions(
        item_number=None if item is None else catalogue.number_of(item, filters.tenant),
        seller_key=None if seller is None else seller_key(seller),
        categories=frozenset(category_code(category) for category in filters.categories),
        tenant_key=tenant_key(filters.tenant),
        published_before=None if before is None else microseconds(before),
        now=microseconds(datetime.now(UTC)),
    )


def _contenders(query: Query, live: LiveIndex, exclusions: Exclusions) -> list[int]:
    """Every garment that exact scores could place among the hits: more are fetched until none can be missing."""
    count = max(64, FIRST_CANDIDATES * query.top_k)
    while True:
        candidates = live.nearest(query, exclusions, count)
        best_of_item = _best_of_items(candidates)
        ranked = sorted(best_of_item.values(), reverse=True)
        least = query.min_score - SLACK
        if len(ranked) >= query.top_k:
            least = max(least, ranked[query.top_k - 1] - SLACK)
        if len(candidates) < count or candidates.scores[-1] < least or count >= MOST_CANDIDATES:
            break
        count *= 4
    return [
        int(garment)
        for score, garment, item in zip(candidates.scores, candidates.garment_ids, candidates.item_numbers, strict=True)
        if best_of_item[int(item)] >= least and score >= best_of_item[int(item)] - SLACK
    ]


def _best_of_items(candidates: Candidates) -> Mapping[int, float]:
    items, firsts = np.unique(candidates.item_numbers, return_index=True)
    return dict(zip(items.tolist(), candidates.scores[firsts].tolist(), strict=True))


def _compare(query: Query, theirs: RegionEmbeddings) -> Comparison | None:
    """The better orientation, mirrored only where it is clearly so; None where too little can be compared."""
    best: Comparison | None = None
    for mirrored, ours in ((False, query.embeddings), (True, query.mirrored)):
        if comparable(ours.mask, theirs.mask, query):
            cosines = region_cosines(ours, theirs)
            score = weighted_score(cosines, query.weights)
            if best is None or seen_mirrored(best.score, score):
                best = Comparison(score, mirrored, cosines)
    return best


def _hit(query: Query, garment_id: int, found: FoundGarment, compared: Comparison) -> Hit:
    ours = query.mirrored if compared.mirrored else query.embeddings
    return Hit(
        item_id=found.item_id,
        photo_id=found.photo_id,
        garment_id=garment_id,
        score=compared.score,
        mirrored=compared.mirrored,
        cosines=compared.cosines,
        colour_shifts=colour_shifts(ours, found.garment.embeddings),
        garment=found.garment,
        photo_sha256=found.photo_sha256,
        details=found.details,
    )
