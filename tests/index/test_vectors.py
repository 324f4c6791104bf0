"""Searched garments as they are handed over."""

from __future__ import annotations

import numpy as np
import pytest

from index.errors import EmbeddingMismatch
from index.vectors import Designs, comparable
from models.weighting import RegionWeights
from tests.factories import make_designs, make_garment, make_query


def test_columns_of_different_lengths_are_refused() -> None:
    """And vectors that are not five rows a garment."""
    designs = make_designs(1, 3)
    with pytest.raises(EmbeddingMismatch):
        Designs(designs.labels.where(np.arange(2)), designs.masks, designs.vectors)
    with pytest.raises(EmbeddingMismatch):
        Designs(designs.labels, designs.masks, designs.vectors[:, :4])


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
