"""Prints of a query's pictures → registered photos that show the same picture, nearest first, one Hit's worth each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from index.catalogue import Catalogue
from index.labels import tenant_key
from index.live import LiveIndex
from index.prints import PrintMatch, PrintOf
from index.reading import FoundGarment
from index.search import catch_up_with_record
from index.types import Filters

MOST_NEAR = 64
"""Photos that answer for one picture; a hundred listings of one picture are one case."""
MOST_LOOKED_UP = 4_096
"""Photos looked up, nearest first, until `MOST_NEAR` may answer: a seller's own listings hide nobody else's."""


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

    One hit a photo, its nearest print; at most `MOST_NEAR`, of what the filters allow. Raises IndexUnavailable before
    loading and amid a rebuild.
    """
    hits, gone = _look_up(_nearest(prints, radius, filters, live), filters, live, catalogue)
    if gone:
        catch_up_with_record(live, catalogue)
        hits, _ = _look_up(_nearest(prints, radius, filters, live), filters, live, catalogue)
    return hits


def _nearest(prints: tuple[tuple[bytes, ...], ...], radius: int, filters: Filters, live: LiveIndex) -> list[PrintMatch]:
    """One a photo, nearest first, whatever the filters say but for the tenant."""
    key = tenant_key(filters.tenant)
    best: dict[int, PrintMatch] = {}
    with live.answering():
        for row, hashes in enumerate(prints):
            of = PrintOf.GARMENT if row else PrintOf.PHOTO
            for match in live.prints.near(hashes, of, key, radius, MOST_LOOKED_UP):
                held = best.get(match.photo_number)
                if held is None or match.distance < held.distance:
                    best[match.photo_number] = match
    return sorted(best.values(), key=lambda match: (match.distance, match.photo_number))[:MOST_LOOKED_UP]


def _look_up(
    nearest: Sequence[PrintMatch], filters: Filters, live: LiveIndex, catalogue: Catalogue
) -> tuple[list[PrintHit], bool]:
    """The first `MOST_NEAR` that the filters allow, and whether the record lacked any of those looked up for them."""
    hits: list[PrintHit] = []
    gone = False
    for start in range(0, len(nearest), MOST_NEAR):
        some = nearest[start : start + MOST_NEAR]
        garments = catalogue.designs_of([match.photo_number for match in some], live.models_version)
        found = catalogue.find(list(garments.values()), filters.tenant)
        gone = gone or len(found) < len(some)
        hits += [
            PrintHit(match, garments[match.photo_number], one)
            for match in some
            if (one := found.get(garments.get(match.photo_number, -1))) is not None and _allowed(one, filters)
        ]
        if len(hits) >= MOST_NEAR:
            break
    return hits[:MOST_NEAR], gone


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
