"""What the fuzz drill calls well and what not."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from tests.hostile.attacked import Report, send_file
from tests.hostile.files import SEEN, HostileFile
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


def test_a_full_queue_is_counted_and_the_file_sent_again() -> None:
    """Every refusal, though what counts in the end is the answer; any other 503 is an answer."""
    codes = ["overloaded", "overloaded", None, "not_ready"]

    def answer(_request: httpx.Request) -> httpx.Response:
        code = codes.pop(0)
        return httpx.Response(200) if code is None else httpx.Response(503, json={"code": code})

    report = Report()
    with httpx.Client(base_url="http://selvedge.test", transport=httpx.MockTransport(answer)) as client:
        for name in "ab":
            send_file(client, HostileFile(name, b"photo", SEEN), report)
    assert (report.overloaded, report.answers) == (2, Counter({200: 1, 503: 1}))
    assert [line.split(":")[0] for line in report.wrong] == ["b"]


def test_the_allocator_is_the_image_s_or_the_system_s() -> None:
    """Never half of it."""
    assert set(as_in_the_image()) in ({"LD_PRELOAD", "MALLOC_CONF"}, set())
