"""Judged comparisons of one query with a gallery."""

from dataclasses import replace

import numpy as np
import pytest

from models.taxonomy import REGIONS, Category, RegionName
from models.training.data.copies import Copy
from models.training.gather_evidence import CANDIDATES, compare_with
from models.types import MissingReason, Region
from tests.factories import alter_regions, make_garment

ALTERED = (RegionName.CHEST,)
GALLERY = {f"{seed}.jpg": make_garment(seed) for seed in range(40)}
COPY = Copy("3.jpg", np.zeros((8, 8, 3), np.uint8), ALTERED, ("recolour",), flipped=False, recoloured=False)
QUERY = make_garment(99, embeddings=alter_regions(GALLERY["3.jpg"].embeddings, ALTERED, seed=5))


def test_a_registered_original_is_marked_with_what_was_altered() -> None:
    """Its unaltered regions agree, the altered one does not."""
    rows = compare_with(7, QUERY, GALLERY, COPY, registered=True)
    (original,) = [row for row in rows if row.original]
    assert original.query == 7
    assert [name for name, altered in zip(REGIONS, original.altered, strict=True) if altered] == list(ALTERED)
    assert np.delete(original.cosines, RegionName.CHEST.row) == pytest.approx(np.ones(4), abs=1e-3)
    assert original.cosines[RegionName.CHEST.row] < 0.9


def test_an_unregistered_original_does_not_answer() -> None:
    """What is left are strangers, the best of them."""
    rows = compare_with(0, QUERY, GALLERY, COPY, registered=False)
    assert len(rows) == CANDIDATES
    assert not any(row.original or row.copied for row in rows)


def test_the_original_is_kept_however_badly_it_ranks() -> None:
    """Calibration must see the copies that search misses."""
    rows = compare_with(0, make_garment(1234), GALLERY, COPY, registered=True)
    assert sum(row.original for row in rows) == 1
    assert len(rows) in (CANDIDATES, CANDIDATES + 1)


def test_a_sleeveless_candidate_lacks_the_sleeves_that_the_query_shows() -> None:
    """By design, so it counts as altered later."""
    made = make_garment(50, Category.VEST, mask=0b00111)
    sleeves = tuple(Region(name, None, MissingReason.ABSENT) for name in REGIONS[3:])
    vest = replace(made, regions=(*made.regions[:3], *sleeves))
    (row,) = compare_with(0, make_garment(51), {"vest.jpg": vest}, COPY, registered=True)
    assert row.absent == [False, False, False, True, True]
    assert np.isnan(row.cosines).tolist() == row.absent
