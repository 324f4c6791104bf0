"""What the fuzz drill calls well and what not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.hostile.attacked import Report
from tests.hostile.fuzz import as_in_the_image, judged

FINE = Counter({200: 5, 422: 7})


def test_a_service_that_is_as_before_passes() -> None:
    """Also where our own limits ended decoders, and where memory shrank."""
    ended = {"late": 1, "worn": 4, "processor_time": 2, "memory": 0, "crash": 0}
    assert judged([Report(FINE), Report(FINE)], 400.0, 419.0, ended).good
    assert judged([Report(FINE)], 400.0, 300.0, ended).good


@pytest.mark.parametrize(
    ("attacked", "after_mb", "ended"),
    [
        (Report(FINE + Counter({503: 1})), 400.0, {}),
        (Report(FINE, hung=["a"]), 400.0, {}),
        (Report(FINE, wrong=["a: 200"]), 400.0, {}),
        (Report(FINE), 421.0, {}),
        (Report(FINE), 400.0, {"crash": 1}),
        (Report(FINE), 400.0, {"memory": 1}),
    ],
)
def test_each_thing_that_may_not_be_fails(attacked: Report, after_mb: float, ended: dict[str, int]) -> None:
    """One is enough."""
    assert not judged([Report(FINE), attacked], 400.0, after_mb, ended).good


def test_the_allocator_is_the_image_s_or_the_system_s() -> None:
    """Never half of it."""
    assert set(as_in_the_image()) in ({"LD_PRELOAD", "MALLOC_CONF"}, set())
