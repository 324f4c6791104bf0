"""What Milvus is asked for a query: which masks together, with which vectors, and under which filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from index.labels import Exclusions
from index.loose_rows import Floats
from index.types import Query
from index.vectors import comparable
from models.scoring import scaled_query


def rule_of(exclusions: Exclusions, masks: list[int]) -> str:
    """As a filter of Milvus: garments of these masks that may answer."""
    said = [
        f"tenant == {exclusions.tenant_key}",
        f"mask in {masks}",
        f"disabled_until <= {exclusions.now}",
    ]
    if exclusions.item_number is not None:
        said.append(f"item != {exclusions.item_number}")
    if exclusions.seller_key is not None:
        said.append(f"seller != {exclusions.seller_key}")
    if exclusions.categories:
        said.append(f"category in {sorted(exclusions.categories)}")
    if exclusions.published_before is not None:
        said.append(f"published < {exclusions.published_before}")
    return " and ".join(said)


def groups_of(masks: Iterable[int], query: Query) -> Iterator[tuple[list[int], Floats]]:
    """(masks, scaled queries (1..2, 5·D)): masks that share the same regions with the query are asked for at once.

    Each orientation that may be compared with them is a query. A region that the item has and the query lacks weighs
    nothing, so that the score is exact for all masks of a group.
    """
    sharing: dict[tuple[int | None, ...], list[int]] = {}
    orientations = (query.embeddings, query.mirrored)
    for mask in sorted(masks):
        shared = tuple(seen.mask & mask if comparable(seen.mask, mask, query) else None for seen in orientations)
        sharing.setdefault(shared, []).append(mask)
    for shared, together in sharing.items():
        scaled = [
            scaled_query(seen, together[0], query.weights)
            for seen, regions in zip(orientations, shared, strict=True)
            if regions is not None
        ]
        if scaled:
            yield together, np.array(scaled, dtype=np.float32)
