"""Puts load on a Selvedge of its own and prints what it did: `python -m deploy.load --help`."""

from __future__ import annotations

import asyncio
import io
import itertools
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deploy.load_client import Answer, LoopbackClient, Outcome, quantile_ms
from deploy.server_process import Server, serving
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE

MEGAPIXEL = (866, 1155)
CACHED_BYTES = 150_000
CLIENTS = 8
_SEGMENT = 65_533

app = typer.Typer(help="Load on a Selvedge that is started for it, on this machine only; every run is bounded.")
Seconds = Annotated[float, typer.Option(help="How long each phase lasts, at most 120.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting of the service, CAPACITY__WORKERS=2.")]


@app.command(epilog="Example: [bold]python -m deploy.load concurrent --seconds 30[/bold]")
def concurrent(seconds: Seconds = 30, more: Set = None) -> None:
    """Eight clients, one-garment photos of 1 megapixel, nothing cached."""
    with _server(more, redis_url="off") as server, _measuring(server) as client:
        photos = _one_garment_photos(server)
        outcome, cpu_ms = client(lambda c: c.in_turn(photos, CLIENTS, seconds))
        _print("8 concurrent clients, 1 megapixel, nothing cached", [("", outcome, cpu_ms)])


@app.command(epilog="Example: [bold]python -m deploy.load cached --seconds 15[/bold]")
def cached(seconds: Seconds = 15, more: Set = None) -> None:
    """Eight clients that ask about one photo of 150 kB, whose verdict is cached."""
    photo = padded(render(WARDROBE[0], Scene.drawn(1, *MEGAPIXEL)).jpeg(70), CACHED_BYTES)
    with _server(more) as server, _measuring(server) as client:
        client(lambda c: c.in_turn(lambda: photo, 1, 1))
        outcome, cpu_ms = client(lambda c: c.in_turn(lambda: photo, CLIENTS, seconds))
        known = sum(answer.json()["cached"] for answer in outcome.of(200))
        _print("8 concurrent clients, the verdict cached, 150 kB a photo", [("", outcome, cpu_ms)])
        _say(f"{known} of {len(outcome.answers)} answers came from the cache")


@app.command(epilog="Example: [bold]python -m deploy.load overload --seconds 30[/bold]")
def overload(seconds: Seconds = 30, times: float = 5.0, more: Set = None) -> None:
    """Five times what the service can take; before and after it the same eight clients."""
    with _server(more, redis_url="off") as server, _measuring(server) as client:
        photos = _one_garment_photos(server)
        normal, normal_ms = client(lambda c: c.in_turn(photos, CLIENTS, 15))
        burst, burst_ms = client(lambda c: c.at_rate(photos, times * normal.served_a_second, seconds))
        after = [client(lambda c: c.in_turn(photos, CLIENTS, 1)) for _ in range(8)]
    rows = [("before: 8 clients", normal, normal_ms), (f"{times:g}× overload", burst, burst_ms)]
    rows += [(f"after: second {n}", outcome, ms) for n, (outcome, ms) in enumerate(after, 1)]
    _print(f"{times:g}× overload for {seconds:g} s", rows)
    back = _recovered_s(normal, burst, [outcome for outcome, _ in after])
    told = "not seen" if back is None else f"within {back:.1f} s of the last request of the overload"
    _say(f"normal again (nothing refused, p95 within 1.5 × before): {told}; {burst.not_sent} requests were not sent")


def _recovered_s(normal: Outcome, burst: Outcome, after: Sequence[Outcome]) -> float | None:
    """Seconds from the last request of the overload to the end of the first run after it that was as before."""
    limit = 1.5 * quantile_ms(normal.of(200), 0.95)
    well = (run for run in after if not run.of(429, 503) and quantile_ms(run.of(200), 0.95) <= limit)
    return next((run.ended - burst.last_sent for run in well), None)


@contextmanager
def _server(more: list[str] | None, **settings: str) -> Iterator[Server]:
    chosen = dict(setting.lower().split("=", 1) for setting in more or [])
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("starting a service with the demo"):
        process = serving(Path(folder), {"demo": "1"} | settings | chosen)
        with process as server:
            yield server


@contextmanager
def _measuring(server: Server) -> Iterator[Callable[[Callable[[LoopbackClient], object]], tuple[Outcome, float]]]:
    """Runs one phase: its outcome, and the milliseconds of processor time that the server took for each answer."""

    def run(phase: Callable[[LoopbackClient], object]) -> tuple[Outcome, float]:
        async def work() -> Outcome:
            client = LoopbackClient(server.address)
            try:
                outcome = await phase(client)  # type: ignore[misc]
            finally:
                await client.close()
            assert isinstance(outcome, Outcome)
            return outcome

        before = server.cpu_s()
        outcome = asyncio.run(work())
        return outcome, (server.cpu_s() - before) * 1e3 / max(1, len(outcome.answers))

    yield run


def _one_garment_photos(server: Server) -> Callable[[], bytes]:
    """Drawn photos in which the service sees one garment; each call gives bytes that no cache has seen."""

    async def seen(photos: Sequence[bytes]) -> list[Answer | None]:
        client = LoopbackClient(server.address)
        answers = [await client.check(photo) for photo in photos]
        await client.close()
        return answers

    drawn = [
        render(design, Scene.drawn(500 + number, *MEGAPIXEL)).jpeg(88)
        for number, design in enumerate(track(WARDROBE[:12], "drawing photos", console=Console(stderr=True)))
    ]
    answers = asyncio.run(seen(drawn))
    chosen = [p for p, a in zip(drawn, answers, strict=True) if a and len(a.json().get("garments", [])) == 1]
    assert chosen, "the models see one garment in none of the drawn photos"
    numbers = itertools.count()

    def next_photo() -> bytes:
        number = next(numbers)
        photo = chosen[number % len(chosen)]
        return padded(photo, len(photo) + 12, struct.pack(">Q", number))

    return next_photo


def padded(jpeg: bytes, size: int, start: bytes = b"") -> bytes:
    """The same picture in `size` bytes: comment segments after its first two bytes. Source: ITU-T T.81, B.2.4.5."""
    segments = io.BytesIO()
    while (left := size - len(jpeg) - segments.tell()) >= 4:
        length = min(left - 2, _SEGMENT)
        if 0 < left - 2 - length < 4:
            length -= 4  # what is left must hold a segment of its own
        segments.write(b"\xff\xfe" + struct.pack(">H", length) + start.ljust(length - 2, b"\0")[: length - 2])
    return jpeg[:2] + segments.getvalue() + jpeg[2:]


def _print(title: str, rows: list[tuple[str, Outcome, float]]) -> None:
    headings = (
        "", "sent", "answered", "answers/s", "p50 ms", "p95 ms", "p99 ms", "refused", "refusal p50 ms", "p99 ms",
        "slowest ms", "other", "server CPU ms/request",
    )  # fmt: skip
    table = Table(*headings, title=title, box=None)
    for name, outcome, cpu_ms in rows:
        good, refused = outcome.of(200), outcome.of(429, 503)
        cells = [name, str(len(outcome.answers)), str(len(good)), f"{outcome.served_a_second:.1f}"]
        cells += [f"{quantile_ms(good, share):.0f}" for share in (0.5, 0.95, 0.99)]
        cells += [str(len(refused)), *(f"{quantile_ms(refused, share):.0f}" for share in (0.5, 0.99, 1.0))]
        cells += [str(len(outcome.answers) - len(good) - len(refused)), f"{cpu_ms:.1f}"]
        table.add_row(*cells)
    Console(width=160).print(table)


def _say(text: str) -> None:
    Console(width=160).print(text, highlight=False)


if __name__ == "__main__":
    app()
