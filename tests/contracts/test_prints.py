"""Every record keeps prints, and every index finds what is near them; SQLite and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from index.catalogue import Catalogue
from index.generations import Description
from index.labels import tenant_key
from index.live import LiveIndex
from index.print_search import find_prints
from index.prints import PrintOf
from index.shards import Shards
from index.types import DEFAULT_TENANT, Filters, ItemDetails, NewPhoto
from index.vectors import Designs
from tests.factories import MODELS_VERSION, make_garment, make_new_photo

RADIUS = 40


class Opened:
    """A record and the index that follows it."""

    def __init__(self, url: str) -> None:
        self.catalogue = Catalogue(url)
        self.live = LiveIndex(self.catalogue, Shards(1), MODELS_VERSION)
        self.live.load()

    def find(self, prints: tuple[tuple[bytes, ...], ...], filters: Filters | None = None) -> list[tuple[str, int, int]]:
        """Item, distance and orientation of everything near."""
        self.live.catch_up()
        hits = find_prints(prints, RADIUS, filters or Filters(), self.live, self.catalogue)
        return [(hit.found.item_id, hit.match.distance, hit.match.orientation) for hit in hits]


@pytest.fixture
def opened(record_url: str) -> Iterator[Opened]:
    made = Opened(record_url)
    yield made
    made.catalogue.close()


def print_of(seed: int, flipped: int = 0) -> bytes:
    """32 random bytes with so many bits of theirs flipped, spread over all words."""
    bits = np.random.default_rng([seed, 9]).integers(0, 2, 256, dtype=np.uint8)
    bits[:: max(1, 256 // max(1, flipped))][:flipped] ^= 1
    return np.packbits(bits).tobytes()


def eight(seed: int, place: int = 0, flipped: int = 0) -> tuple[bytes, ...]:
    """Orientations of a picture of which one is this print."""
    return tuple(print_of(seed, flipped) if row == place else print_of(1000 + row) for row in range(8))


def photo(seed: int, **fields: Any) -> NewPhoto:
    return replace(make_new_photo(seed), fingerprint=print_of(seed), **fields)


def test_a_photo_is_found_by_its_print_in_any_orientation(opened: Opened) -> None:
    """With how far it is, and which way round the query was."""
    for seed in (1, 2, 3):
        opened.catalogue.add(photo(seed))
    assert opened.find((eight(2, place=5, flipped=20),)) == [("SKU-2", 20, 5)]
    assert opened.find((eight(77),)) == []
    assert opened.find((eight(2, flipped=RADIUS + 1),)) == []


def test_a_design_is_found_by_the_print_of_its_crop(opened: Opened) -> None:
    """Only a garment's print is looked up among those of garments."""
    garment = replace(make_garment(1), fingerprint=print_of(500))
    opened.catalogue.add(make_new_photo(1, garments=(make_garment(9), garment), design=1))
    assert opened.find((eight(77), eight(500, place=3))) == [("SKU-1", 0, 3)]
    assert opened.find((eight(500, place=3), eight(77))) == []


def test_what_is_deleted_replaced_or_anothers_is_not_found(opened: Opened) -> None:
    """As searches by vectors do."""
    opened.catalogue.add(photo(1))
    opened.catalogue.add(photo(2, tenant="B"))
    assert opened.find((eight(2),)) == []
    assert opened.find((eight(2),), Filters(tenant="B")) == [("SKU-2", 0, 0)]
    opened.catalogue.add(photo(3, item_id="SKU-1", replace=True))
    assert (opened.find((eight(1),)), opened.find((eight(3),))) == ([], [("SKU-1", 0, 0)])
    opened.catalogue.delete("SKU-1")
    assert opened.find((eight(3),)) == []


def test_filters_hold_for_prints_too(opened: Opened) -> None:
    """A seller does not copy itself."""
    opened.catalogue.add(photo(1, details=ItemDetails(seller_id="s1")))
    assert opened.find((eight(1),), Filters(exclude_seller_id="s1")) == []
    assert opened.find((eight(1),), Filters(exclude_item_id="SKU-1")) == []
    assert opened.find((eight(1),), Filters(exclude_item_id="SKU-2", exclude_seller_id="s2")) == [("SKU-1", 0, 0)]


def test_a_photo_without_a_print_is_filled_in_later(opened: Opened) -> None:
    """It was registered before there were any; a running index hears of it."""
    opened.catalogue.add(make_new_photo(1))
    opened.catalogue.add(photo(2))
    [(number, sha256)] = opened.catalogue.unprinted(0, 10)
    assert (sha256, opened.find((eight(1),))) == (make_new_photo(1).sha256, [])
    assert opened.catalogue.keep_prints([(number, print_of(1))]) == 1
    assert opened.catalogue.unprinted(0, 10) == []
    assert opened.find((eight(1),)) == [("SKU-1", 0, 0)]
    assert opened.catalogue.keep_prints([(number, print_of(3))]) == 0


def test_other_models_keep_the_photos_print_and_have_their_own_designs(opened: Opened) -> None:
    """The whole photo is the same whoever looks at it."""
    opened.catalogue.add(replace(make_new_photo(1, models_version="older"), fingerprint=print_of(1)))
    assert opened.find((eight(1),)) == []
    [waiting] = opened.catalogue.undescribed(MODELS_VERSION, 0, 10)
    garment = replace(make_garment(4), fingerprint=print_of(400))
    opened.catalogue.describe(MODELS_VERSION, [Description(waiting.number, (garment,), 0)])
    assert opened.find((eight(1),)) == [("SKU-1", 0, 0)]
    assert opened.find((eight(77), eight(400))) == [("SKU-1", 0, 0)]
    assert opened.catalogue.drop_other_descriptions(MODELS_VERSION) == 1
    assert len(opened.catalogue.prints("older")) == 0
    assert len(opened.catalogue.prints(MODELS_VERSION)) == 1


def test_a_start_reads_every_print(record_url: str, opened: Opened) -> None:
    """Those of the record as of then."""
    for seed in range(1, 6):
        opened.catalogue.add(photo(seed))
    opened.catalogue.delete("SKU-3")
    again = Opened(record_url)
    assert [again.find((eight(seed),)) != [] for seed in range(1, 6)] == [True, True, False, True, True]
    assert len(again.live.prints) == 4
    again.catalogue.close()


def test_what_is_registered_during_a_start_is_found_by_its_print(record_url: str, opened: Opened) -> None:
    """By another process, before the record was read and after: neither is missed, neither is there twice."""

    class Busy(Catalogue):
        def designs(self, models_version: str) -> Iterator[tuple[int, Designs]]:
            opened.catalogue.add(photo(2))
            yield from super().designs(models_version)
            opened.catalogue.add(photo(3))

    opened.catalogue.add(photo(1))
    catalogue = Busy(record_url)
    starting = LiveIndex(catalogue, Shards(1), MODELS_VERSION)
    starting.load()
    starting.catch_up()
    for seed in (1, 2, 3):
        [hit] = find_prints((eight(seed),), RADIUS, Filters(), starting, catalogue)
        assert hit.found.item_id == f"SKU-{seed}"
    assert len(starting.prints) == 3
    catalogue.close()


def test_the_look_up_counts_bits_as_a_slow_one_would(opened: Opened) -> None:
    """After many additions and changes, among them enough deletions to tidy up."""
    random = np.random.default_rng(3)
    prints = {seed: random.bytes(32) for seed in range(60)}
    for seed, bits in prints.items():
        opened.catalogue.add(replace(make_new_photo(seed), fingerprint=bits))
    for seed in range(0, 60, 3):
        opened.catalogue.delete(f"SKU-{seed}")
        del prints[seed]
    opened.live.catch_up()
    query = random.bytes(32)
    found = opened.live.prints.near((query,) * 8, PrintOf.PHOTO, tenant_key(DEFAULT_TENANT), 255, 1000)
    expected = sorted((int.from_bytes(bits) ^ int.from_bytes(query)).bit_count() for bits in prints.values())
    assert [match.distance for match in found] == expected
