"""The load generator: loopback only, bounded, and what it counts is what the service did."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deploy.drills.photos import garment, pattern
from deploy.load import _print, _recovered_s, padded
from deploy.load_client import Answer, LoopbackClient, Outcome, quantile_ms
from deploy.server_process import serving
from models.preprocessing import ImageLimits, decode


@pytest.mark.parametrize("url", ["http://selvedge.example:80", "http://10.0.0.1:8000", "http://127.0.0.1"])
def test_load_is_put_on_this_machine_only(url: str) -> None:
    """And needs a port."""
    with pytest.raises(ValueError, match="this machine only"):
        LoopbackClient(url)


def test_padding_makes_other_bytes_of_the_size_asked_and_the_same_picture() -> None:
    """Also beyond what one comment segment holds."""
    jpeg = garment(0)
    for size in (len(jpeg) + 4, len(jpeg) + 65_537, 400_000):
        larger = padded(jpeg, size, b"mark")
        assert len(larger) == size
        assert (decode(larger, ImageLimits()).pixels == decode(jpeg, ImageLimits()).pixels).all()


async def test_clients_in_turn_are_all_answered_and_a_rate_beyond_the_queue_is_refused(tmp_path: Path) -> None:
    """Counted by status; the connections are used again."""
    settings = {"redis_url": "off", "demo": "0", "capacity__workers": "1", "capacity__queue": "1"}
    with serving(tmp_path, settings, fake_models=True) as server:
        client = LoopbackClient(server.address)
        calm = await client.in_turn(lambda: pattern(1), 2, 0.5)
        burst = await client.at_rate(lambda: pattern(1), 400, 0.5)
        await client.close()
        assert server.cpu_s() > 0
    assert len(calm.of(200)) == len(calm.answers) > 2
    assert calm.answers[0].json()["verdict"] == "clear"
    assert len(burst.of(200)) + len(burst.of(503)) == len(burst.answers) == 200 - burst.not_sent
    assert len(burst.of(503)) > 0


async def test_a_connection_that_the_server_ended_is_not_used_again() -> None:
    """Servers let go of whoever says nothing for some seconds: here at once."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with server:
        client = LoopbackClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(3):
            answer = await client.check(b"photo")
            assert answer is not None and answer.status == 200
            await asyncio.sleep(0.05)
        await client.close()


def test_quantiles_are_of_the_answers_given() -> None:
    """NaN of none."""
    answers = [Answer(200, spent / 1000, b"") for spent in range(101)]
    assert quantile_ms(answers, 0.95) == pytest.approx(95)
    assert quantile_ms([], 0.5) != quantile_ms([], 0.5)
    assert Outcome(answers, 10.0).served_a_second == pytest.approx(10.1)


def test_the_slowest_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What is promised of every refusal is judged by the worst of them."""
    answers = [Answer(200, 3.0, b""), Answer(503, 0.004, b""), Answer(429, 0.0777, b"")]
    _print("a burst", [("5x", Outcome(answers, 1.0), 2.0)])
    head, row = capsys.readouterr().out.splitlines()[-2:]
    assert "slowest ms" in head
    assert row.split()[-3:] == ["78", "0", "2.0"]


def test_recovery_counts_from_the_last_request_of_the_overload() -> None:
    """To the end of the first run that was as before: nothing refused, and quick."""

    def run(ended: float, spent_s: float, *statuses: int) -> Outcome:
        return Outcome([Answer(status, spent_s, b"") for status in statuses], 1.0, ended=ended)

    normal, burst = run(10.0, 1.0, 200), Outcome([], 30.0, last_sent=40.0, ended=41.5)
    slow, refusing, well = run(42.5, 1.6, 200), run(43.5, 1.0, 200, 503), run(44.5, 1.4, 200)
    assert _recovered_s(normal, burst, [slow, refusing, well, run(45.5, 1.0, 200)]) == pytest.approx(4.5)
    assert _recovered_s(normal, burst, [slow, refusing]) is None
