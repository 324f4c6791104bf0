"""What the cache holds turns back into exactly what the models saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.taxonomy import Category
from models.types import DescribedPhoto
from service.described_bytes import pack, unpack
from tests.factories import make_described_photo, make_garment


def assert_same(one: DescribedPhoto, other: DescribedPhoto) -> None:
    """Every field of every garment, bit for bit; timings are not kept."""
    assert (one.sha256, one.width, one.height, one.models_version) == (
        other.sha256, other.width, other.height, other.models_version,
    )  # fmt: skip
    assert len(one.garments) == len(other.garments)
    for a, b in zip(one.garments, other.garments, strict=True):
        assert (a.detection, a.regions, a.fingerprint, a.mirrored_fingerprint) == (
            b.detection, b.regions, b.fingerprint, b.mirrored_fingerprint,
        )  # fmt: skip
        for left, right in ((a.embeddings, b.embeddings), (a.mirrored, b.mirrored)):
            assert np.array_equal(left.vectors, right.vectors)
            assert np.array_equal(left.colours, right.colours)
        assert a.landmarks.category == b.landmarks.category
        for name in ("points_xy", "confidence", "visible"):
            assert np.array_equal(getattr(a.landmarks, name), getattr(b.landmarks, name))


@given(st.integers(0, 1000), st.lists(st.sampled_from(Category), max_size=3), st.integers(0, 31))
def test_a_photo_survives_the_cache(seed: int, categories: list[Category], mask: int) -> None:
    """None, one or several garments, whatever is visible."""
    photo = make_described_photo(seed, tuple(make_garment(seed, category, mask) for category in categories))
    assert_same(unpack(pack(photo)), photo)


def test_a_garment_takes_a_few_kilobytes() -> None:
    """128 numbers a region, both ways round."""
    assert len(pack(make_described_photo(1))) < 8_000


@pytest.mark.parametrize("spoil", [lambda b: b[:0], lambda b: b[:3], lambda b: b[:-1], lambda b: b"\x09" + b[1:],
                                   lambda b: b[:10] + b"!!" + b[12:], lambda b: b"x" * len(b)])  # fmt: skip
def test_spoilt_bytes_are_refused(spoil: object) -> None:
    """A cache of another version, or half a value, is a miss and not a crash."""
    assert callable(spoil)
    with pytest.raises(ValueError):
        unpack(spoil(pack(make_described_photo(1))))
