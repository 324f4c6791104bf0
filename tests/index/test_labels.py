"""The columns that searches filter by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import EmbeddingMismatch
from index.labels import NO_SELLER, Exclusions, Labels, microseconds, seller_key, tenant_key
from tests.factories import make_designs

SELLER_1 = 8_268_369_855_830_903_380


def test_a_key_is_the_same_in_every_process() -> None:
    """It is computed from the name alone; no seller has a key that no name has."""
    assert seller_key("seller-1") == tenant_key("seller-1") == SELLER_1
    assert seller_key(None) == NO_SELLER
    assert NO_SELLER not in {seller_key(f"seller-{number}") for number in range(1000)}


def test_excluding_a_seller_keeps_items_without_one() -> None:
    """Nobody's item is not theirs."""
    labels = make_designs(1, 3, seller_keys=np.array([seller_key("a"), seller_key("b"), NO_SELLER])).labels
    assert Exclusions(seller_key=seller_key("a")).allowed(labels).tolist() == [False, True, True]


def test_a_caller_who_forgets_the_time_sees_nothing_that_was_ever_disabled() -> None:
    """The mistake hides items instead of showing what was switched off."""
    labels = make_designs(1, 2, disabled_until=np.array([0, 1])).labels
    assert Exclusions().allowed(labels).tolist() == [True, False]


def test_columns_of_different_lengths_are_refused() -> None:
    """Each has one value a garment."""
    labels = make_designs(1, 3).labels
    with pytest.raises(EmbeddingMismatch):
        replace(labels, published=labels.published[:2])


def test_labels_are_joined_in_order() -> None:
    """None of them are empty `Labels`."""
    labels = make_designs(1, 5).labels
    parts = [labels.where(labels.garment_ids <= 2), labels.where(np.array([2, 3, 4]))]
    assert Labels.joined(parts).garment_ids.tolist() == [1, 2, 3, 4, 5]
    assert len(Labels.joined([])) == 0


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), st.integers(-12, 12))
def test_a_moment_is_its_microseconds(moment: datetime, hours: int) -> None:
    """Exactly, in any time zone, before 1970 too."""
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(aware)) == aware
