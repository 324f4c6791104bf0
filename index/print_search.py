"""Prints of a query's pictures → registered photos that show the same picture, nearest first, one Hit's worth each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from index.catalogue import Catalogue
from index.labels import tenant_key
from index.live import LiveIndex
from index.prints import PrintMatch, PrintOf
from index.reading import FoundGarment
from index.types import Filters

MOST_NEAR = 64
"""Photos looked up for one picture; a hundred listings of one picture are one case."""


@dataclass(frozen=True, slots=True, eq=False)
class PrintHit:
    """A registered photo whose print is near one of the query's; `found` is its design with item and photo."""

    match: PrintMatch
    garment_id: int
    found: FoundGarment


def find_prints(
    prints: tuple[tuple[bytes, ...], ...], radius: int, filters: Filters, live: LiveIndex, catalogue: Catalogue
) -> list[PrintHit]:
    """`prints` as `DescribedPhoto` has them: the whole photo's among photos, each garment's among designs.

    One hit a photo, its nearest print. Raises IndexUnavailable before loading and amid a rebuild.
    """
    key = tenant_key(filters.tenant)
    best: dict[int, PrintMatch] = {}
    with live.answering():
        for row, hashes in enumerate(prints):
            of = PrintOf.GARMENT if row else PrintOf.PHOTO
            for match in live.prints.near(hashes, of, key, radius, MOST_NEAR):
                held = best.get(match.photo_number)
                if held is None or match.distance < held.distance:
                    best[match.photo_number] = match
    nearest = sorted(best.values(), key=lambda match: (match.distance, match.photo_number))[:MOST_NEAR]
    if not nearest:
        return []
    garments = catalogue.designs_of([match.photo_number for match in nearest], live.models_version)
    found = catalogue.find(list(garments.values()), filters.tenant)
    return [
        PrintHit(match, garments[match.photo_number], one)
        for match in nearest
        if (one := found.get(garments.get(match.photo_number, -1))) is not None and _allowed(one, filters)
    ]


def _allowed(one: FoundGarment, filters: Filters) -> bool:
    """What `Exclusions.allowed` asks, of a record that was looked up."""
    details = one.details
    if details.disabled_until is not None and details.disabled_until > datetime.now(UTC):
        return False
    if filters.published_before is not None and (
        details.published_at is None or details.published_at >= filters.published_before
    ):
        return False
    if filters.categories and one.garment.detection.category not in filters.categories:
        return False
    if filters.exclude_seller_id is not None and details.seller_id == filters.exclude_seller_id:
        return False
    return one.item_id != filters.exclude_item_id
