"""The columns that searches filter by."""

from __future__ import annotations

import numpy as np
import pytest

from index.errors import EmbeddingMismatch
from index.vectors import NO_SELLER, Designs, Exclusions, comparable, seller_key
from models.weighting import RegionWeights
from tests.factories import make_designs, make_garment, make_query

SELLER_1 = 8_268_369_855_830_903_380


def test_a_sellers_key_is_the_same_in_every_process() -> None:
    """It is computed from the name alone; no seller has a key that no name has."""
    assert seller_key("seller-1") == SELLER_1
    assert seller_key(None) == NO_SELLER
    assert NO_SELLER not in {seller_key(f"seller-{number}") for number in range(1000)}


def test_excluding_a_seller_keeps_items_without_one() -> None:
    """Nobody's item is not theirs."""
    sellers = np.array([seller_key("a"), seller_key("b"), NO_SELLER])
    allowed = Exclusions(seller_key=seller_key("a")).allowed(np.arange(3), sellers, np.ones(3, dtype=np.uint8))
    assert allowed.tolist() == [False, True, True]


def test_columns_of_different_lengths_are_refused() -> None:
    """And vectors that are not five rows a garment."""
    designs = make_designs(1, 3)
    with pytest.raises(EmbeddingMismatch):
        Designs(designs.garment_ids[:2], *columns(designs), designs.vectors)
    with pytest.raises(EmbeddingMismatch):
        Designs(designs.garment_ids, *columns(designs), designs.vectors[:, :4])


def columns(designs: Designs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return designs.item_numbers, designs.seller_keys, designs.categories, designs.masks


def test_parts_are_joined_in_order() -> None:
    """None of them is an empty `Designs`."""
    designs = make_designs(1, 5)
    halves = [designs.where(designs.garment_ids <= 2), designs.where(designs.garment_ids > 2)]
    np.testing.assert_array_equal(Designs.joined(halves).vectors, designs.vectors)
    assert len(Designs.joined([])) == 0


def test_exactly_the_least_weight_is_enough() -> None:
    """0.35 means at least 0.35, however floats add up; nothing in common is never enough."""
    weights = RegionWeights(np.array([0.1, 0.2, 0.05, 0.3, 0.35]))
    query = make_query(make_garment(1), weights)
    assert comparable(31, 0b00111, query)
    assert not comparable(31, 0b00011, query)
    assert not comparable(0b00011, 0b11100, make_query(make_garment(1), weights, least_weight=0.0))
