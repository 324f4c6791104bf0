"""What every record must do with metadata that is patched: types count, as they do in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from index.catalogue import Catalogue
from index.types import ItemDetails
from tests.factories import make_new_photo


@pytest.fixture
def catalogue(record_url: str) -> Iterator[Catalogue]:
    opened = Catalogue(record_url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0}, {"a": False}),
        ({"a": {"b": [1]}}, {"a": {"b": [True]}}),
    ],
)
def test_another_type_is_another_value(catalogue: Catalogue, held: dict[str, Any], said: dict[str, Any]) -> None:
    """Though Python finds the two equal, at any depth; said again it changes nothing."""
    catalogue.add(make_new_photo(1, details=ItemDetails(metadata=held)))
    before = catalogue.last_sequence()
    for _ in range(2):
        metadata = catalogue.patch("SKU-1", ItemDetails(metadata=said)).details.metadata
        assert repr(metadata) == repr(catalogue.get("SKU-1").details.metadata) == repr(said)
    assert catalogue.last_sequence() == before + 1


@pytest.mark.parametrize("said", [{"b": {"d": 2, "c": 1}, "a": None}, {"b": {"c": 1}}, {}])
def test_the_same_in_another_order_changes_nothing(catalogue: Catalogue, said: dict[str, Any]) -> None:
    """Nor does removing what is not there."""
    catalogue.add(make_new_photo(1, details=ItemDetails(metadata={"b": {"c": 1, "d": 2}})))
    before = catalogue.last_sequence()
    catalogue.patch("SKU-1", ItemDetails(metadata=said))
    assert catalogue.last_sequence() == before
