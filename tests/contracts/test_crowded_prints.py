"""One picture listed a hundred times: what the filters exclude takes no place of what they allow; both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from index import print_search
from index.catalogue import Catalogue
from index.live import LiveIndex
from index.print_search import MOST_NEAR, find_prints
from index.shards import Shards
from index.types import Filters, ItemDetails
from models.taxonomy import Category
from tests.factories import MODELS_VERSION, make_garment, make_new_photo

LISTED = MOST_NEAR + 6
PICTURE = bytes(range(100, 132))
ONE_BIT_AWAY = bytes([PICTURE[0] ^ 1]) + PICTURE[1:]
NOW = datetime.now(UTC)


class Market:
    """A record with listings of one picture, and the index over it."""

    def __init__(self, url: str) -> None:
        self.catalogue = Catalogue(url)
        self.live = LiveIndex(self.catalogue, Shards(1), MODELS_VERSION)

    def register(
        self, seed: int, picture: bytes, category: Category = Category.SHORT_SLEEVE_TOP, **fields: Any
    ) -> None:
        photo = make_new_photo(seed, garments=(make_garment(seed, category),), **fields)
        self.catalogue.add(replace(photo, fingerprint=picture))

    def found(self, filters: Filters) -> list[str]:
        hits = find_prints(((PICTURE,) * 8,), 40, filters, self.live, self.catalogue)
        return [hit.found.item_id for hit in hits]


@pytest.fixture
def market(record_url: str) -> Iterator[Market]:
    opened = Market(record_url)
    yield opened
    opened.catalogue.close()


CROWDS = {
    "of the seller that asks": ({"details": ItemDetails(seller_id="s1")}, Filters(exclude_seller_id="s1")),
    "published later": ({"details": ItemDetails(published_at=NOW)}, Filters(published_before=NOW)),
    "disabled": ({"details": ItemDetails(disabled_until=NOW + timedelta(days=1))}, Filters()),
    "of another category": ({"category": Category.SKIRT}, Filters(categories=frozenset({Category.SHORT_SLEEVE_TOP}))),
    "of the item that asks": ({"item_id": "SKU-ours"}, Filters(exclude_item_id="SKU-ours")),
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_listings_that_are_excluded_hide_no_other(market: Market, crowd: str) -> None:
    """The original is one bit away, behind more of them than are ever answered."""
    fields, filters = CROWDS[crowd]
    for seed in range(LISTED):
        market.register(seed, PICTURE, **fields)
    market.register(1000, ONE_BIT_AWAY, details=ItemDetails(seller_id="s2", published_at=NOW - timedelta(days=9)))
    market.live.load()
    assert market.found(filters) == ["SKU-1000"]


def test_listings_that_are_allowed_are_cut_nearest_first(market: Market) -> None:
    """As many as are one case, and no more are looked up for them."""
    market.register(1000, ONE_BIT_AWAY)
    for seed in range(LISTED):
        market.register(seed, PICTURE)
    market.live.load()
    assert market.found(Filters()) == [f"SKU-{seed}" for seed in range(MOST_NEAR)]
    assert len(market.found(Filters(exclude_item_id="SKU-0"))) == MOST_NEAR


def test_few_near_prints_take_one_look_at_the_record(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a crowd of excluded ones no more looks than the bound allows."""
    for seed in range(LISTED):
        market.register(seed, PICTURE if seed < 3 else bytes(reversed(PICTURE)), details=ItemDetails(seller_id="s1"))
    market.live.load()
    looks: list[int] = []
    find = Catalogue.find

    def counted(catalogue: Catalogue, garment_ids: list[int], tenant: str) -> Any:
        looks.append(len(garment_ids))
        return find(catalogue, garment_ids, tenant)

    monkeypatch.setattr(Catalogue, "find", counted)
    assert (len(market.found(Filters())), looks) == (3, [3])
    looks.clear()
    monkeypatch.setattr(print_search, "MOST_LOOKED_UP", 2)
    assert (market.found(Filters(exclude_seller_id="s1")), looks) == ([], [2])
