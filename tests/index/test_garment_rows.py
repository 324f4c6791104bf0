"""A garment comes back from its row as it went in."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.garment_rows import GARMENT_COLUMNS, garment_from_row, garment_to_row
from models.taxonomy import Category
from tests.factories import make_garment


@given(st.integers(0, 10_000), st.sampled_from(Category), st.integers(0, 31))
def test_a_garment_survives_its_row_bit_for_bit(seed: int, category: Category, mask: int) -> None:
    """Every field, for every category and every set of missing regions."""
    garment = make_garment(seed, category, mask)
    row = garment_to_row(garment)
    back = garment_from_row(SimpleNamespace(**row))
    assert set(row) == set(GARMENT_COLUMNS)
    assert back.detection == garment.detection
    assert back.regions == garment.regions
    assert (back.fingerprint, back.mirrored_fingerprint) == (garment.fingerprint, garment.mirrored_fingerprint)
    for ours, theirs in ((back.embeddings, garment.embeddings), (back.mirrored, garment.mirrored)):
        np.testing.assert_array_equal(ours.vectors, theirs.vectors)
        np.testing.assert_array_equal(ours.colours, theirs.colours)
    for name in ("points_xy", "confidence", "visible"):
        np.testing.assert_array_equal(getattr(back.landmarks, name), getattr(garment.landmarks, name))


def test_the_row_carries_the_mask_that_groups_the_item() -> None:
    """The column that loading reads agrees with the vectors."""
    assert garment_to_row(make_garment(1, mask=0b00110))["mask"] == 0b00110
