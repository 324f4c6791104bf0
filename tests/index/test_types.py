"""Values that break their own rules cannot be made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.errors import InvalidQuery
from tests.factories import make_embeddings, make_garment, make_new_photo, make_query


@pytest.mark.parametrize("design", [-1, 1])
def test_the_design_is_one_of_the_photos_garments(design: int) -> None:
    """A photo without its design could not be searched."""
    with pytest.raises(InvalidQuery):
        make_new_photo(1, design=design)


@pytest.mark.parametrize("top_k", [0, 201])
def test_top_k_has_limits(top_k: int) -> None:
    """1 to 200."""
    with pytest.raises(InvalidQuery):
        make_query(make_garment(1), top_k=top_k)


def test_both_orientations_have_one_dimension() -> None:
    """They came from one model."""
    query = make_query(make_garment(1))
    with pytest.raises(InvalidQuery):
        replace(query, mirrored=make_embeddings(1, dimension=8))
