"""The live delta grows in place and never changes under those who still look at it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from index.loose_rows import ROOM, LooseRows


def codes(seed: int, count: int) -> npt.NDArray[np.float16]:
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float16)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 200)), min_size=1, max_size=12))
def test_every_value_keeps_its_rows(steps: list[tuple[int, int]]) -> None:
    """Whichever value is continued, and however often: a tree of them is as many plain arrays."""
    values = [LooseRows(codes(0, 1))]
    plain = [codes(0, 1)]
    for seed, (parent, count) in enumerate(steps, start=1):
        chosen = parent % len(values)
        values.append(values[chosen].followed_by(codes(seed, count)))
        plain.append(np.concatenate([plain[chosen], codes(seed, count)]))
    for value, rows in zip(values, plain, strict=True):
        assert len(value) == len(rows)
        np.testing.assert_array_equal(value.codes(), rows)


def test_rows_are_appended_in_the_room_behind() -> None:
    """Not copied, as long as there is room."""
    first = LooseRows(codes(0, 1))
    second = first.followed_by(codes(1, ROOM - 1))
    assert second._buffer is first._buffer
    assert second.followed_by(codes(2, 1))._buffer is not first._buffer
