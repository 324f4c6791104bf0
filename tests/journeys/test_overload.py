"""Load beyond what can be served: who is told what, who is worked for, and what shows."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from models.runtime.running import CPU_PROVIDER, CUDA_PROVIDER, Engine
from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from service.capacity import Lane
from service.decoding.decoders import DecoderPool, InProcessDecoder, PhotoDecoder
from tests.fakes import FakeDescriber
from tests.journeys.conftest import add, check, door_of, served, settings_for
from tests.photos import photo
from tests.serving import served_on_a_socket
from tests.waiting import wait_for


class HeldDescriber(FakeDescriber):
    """Looks at nothing but the canary until it is let; counts what it began."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.looks = 0

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        if image.width == 240:
            self.looks += 1
            self.go_on.wait(30)
        return super().describe(image, category)


def post_bytes(data: bytes) -> bytes:
    """A check as a caller writes it on the wire."""
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + data + b"\r\n--x--\r\n"
    head = f"POST /check-plagiarism HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + body


@pytest.mark.parametrize("decoders", [0, 1])
def test_what_a_caller_had_waiting_is_dropped_when_it_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoders: int
) -> None:
    """Over a real socket: three wait behind one, leave, and only the one was decoded and looked at."""
    decoded: list[bytes] = []
    for kind in (InProcessDecoder, DecoderPool):

        def decode(decoder: PhotoDecoder, data: bytes, really: Callable[..., Image] = kind.decode) -> Image:
            decoded.append(data)
            return really(decoder, data)

        monkeypatch.setattr(kind, "decode", decode)
    describer = HeldDescriber()
    options = {"capacity": {"workers": 1, "queue": 6}, "images": {"decoders": decoders}}
    with served_on_a_socket(settings_for(tmp_path, **options), describer) as address:
        host, port = address.removeprefix("http://").split(":")

        def depth() -> str:
            lines = httpx.get(f"{address}/metrics").text.splitlines()
            return next(line for line in lines if line.startswith('selvedge_queue_depth{lane="checks"}'))

        callers = []
        for seed in range(4):
            callers.append(socket.create_connection((host, int(port))))
            callers[-1].sendall(post_bytes(photo(seed)))
        wait_for(lambda: describer.looks == 1 and depth().endswith(" 3.0"))
        for caller in callers:
            caller.close()
        wait_for(lambda: depth().endswith(" 0.0"))
        describer.go_on.set()
        assert httpx.post(f"{address}/check-plagiarism", files={"image": photo(9)}, timeout=30).status_code == 200
        assert describer.looks == 2
        uploaded = {photo(seed) for seed in (*range(4), 9)}
        assert [data for data in decoded if data in uploaded][1:] == [photo(9)]
        assert 'status="499"' in httpx.get(f"{address}/metrics").text


@pytest.mark.parametrize(
    ("priority", "lane"),
    [("u=7", Lane.BULK), ("u=6, i", Lane.BULK), ("i, u=7", Lane.BULK), ("u=3", Lane.CHECKS), ("", Lane.CHECKS),
     ("u=77", Lane.CHECKS), ("bulk", Lane.CHECKS)],
)  # fmt: skip
async def test_bulk_adds_say_so_themselves(tmp_path: Path, priority: str, lane: Lane) -> None:
    """By the header of RFC 9218; they have places of their own."""
    describer = HeldDescriber()
    async with served(settings_for(tmp_path), describer) as client:
        headers = {"priority": priority}
        adding = asyncio.create_task(
            client.post("/index/add", files={"image": photo(1)}, data={"item_id": "SKU-1"}, headers=headers)
        )
        async with asyncio.timeout(30):
            while not describer.looks:
                await asyncio.sleep(0.01)
        opened = door_of(client).opened
        assert opened is not None
        assert {each: opened.capacity.running(each) for each in Lane} == {each: int(each is lane) for each in Lane}
        describer.go_on.set()
        assert (await adding).status_code == 201


async def test_refusals_and_waits_are_counted_by_lane(tmp_path: Path) -> None:
    """An operator sees who is turned away, and why."""
    describer = HeldDescriber()
    async with served(settings_for(tmp_path, capacity={"workers": 1, "queue": 0}), describer) as client:
        first = asyncio.create_task(check(client, photo(1)))
        async with asyncio.timeout(30):
            while not describer.looks:
                await asyncio.sleep(0.01)
        assert (await check(client, photo(2))).status_code == 503
        describer.go_on.set()
        assert (await first).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'selvedge_refused_total{lane="checks",reason="full"} 1.0' in text
        assert 'selvedge_queue_wait_seconds_count{lane="checks"} 1.0' in text
        assert 'selvedge_request_seconds_count{method="POST",route="/check-plagiarism"} 2.0' in text


class FallenBack(FakeDescriber):
    """A GPU was wanted for one of its networks and not found."""

    engines = (Engine("detector", CUDA_PROVIDER, CPU_PROVIDER), Engine("embedder", CPU_PROVIDER, CPU_PROVIDER))


async def test_a_network_on_less_than_was_wanted_is_told_everywhere(tmp_path: Path) -> None:
    """Version, readiness and metrics; it serves all the same."""
    async with served(settings_for(tmp_path), FallenBack()) as client:
        assert (await add(client, "SKU-1", photo(1))).status_code == 201
        engines = {engine["model"]: engine for engine in (await client.get("/version")).json()["engines"]}
        assert engines["detector"] == {
            "model": "detector", "wanted": CUDA_PROVIDER, "provider": CPU_PROVIDER, "fell_back": True,
        }  # fmt: skip
        assert engines["embedder"]["fell_back"] is False
        ready = (await client.get("/readyz")).json()
        assert (ready["ready"], "fell back" in ready["engines"]["detector"]) == (True, True)
        text = (await client.get("/metrics")).text
        assert 'selvedge_model_fallback{model="detector"} 1.0' in text
        assert 'selvedge_model_fallback{model="embedder"} 0.0' in text


async def test_an_index_whose_card_is_missing_is_told_everywhere(tmp_path: Path) -> None:
    """The processor scans instead, and finds what is there."""
    async with served(settings_for(tmp_path, index={"storage": "gpu"})) as client:
        assert (await add(client, "SKU-1", photo(1))).status_code == 201
        assert (await check(client, photo(1))).json()["verdict"] == "image_copy"
        engines = {engine["model"]: engine for engine in (await client.get("/version")).json()["engines"]}
        assert (engines["flat_scan"]["wanted"], engines["flat_scan"]["fell_back"]) == (CUDA_PROVIDER, True)
        assert "fell back" in (await client.get("/readyz")).json()["engines"]["flat_scan"]
        assert 'selvedge_model_fallback{model="flat_scan"} 1.0' in (await client.get("/metrics")).text
