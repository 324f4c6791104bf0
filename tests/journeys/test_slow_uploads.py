"""Bodies on their way: bounded together and each in time; a full disk under them is no failure of ours."""

from __future__ import annotations

import asyncio
import errno
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.attacked import AttackedService, attacked_service
from tests.journeys.conftest import check, door_of, served, settings_for
from tests.journeys.test_jobs import NDJSON, line_of
from tests.photos import photo
from tests.waiting import wait_for

SENDERS = 120
LUMP = 1_500_000
MOST_HELD_MB = 20
ENVIRONMENT = {"SELVEDGE_IMAGES__MAX_BYTES": "5000000", "SELVEDGE_UPLOADS__MOST_HELD_MB": str(MOST_HELD_MB)}
JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


def held_bytes(service: AttackedService) -> float:
    lines = httpx.get(f"{service.address}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("selvedge_bodies_held_bytes")).split()[1])


def begin(service: AttackedService, number: int) -> socket.socket:
    """A sender of a large body that gives a lump of it and then waits."""
    host, port = service.address.removeprefix("http://").split(":")
    sender = socket.create_connection((host, int(port)), timeout=30)
    kind, start = (JSON, b'{"image_base64": "') if number % 2 else (FORM, PART)
    sender.sendall(
        b"POST /check-plagiarism HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n" + kind + b"\r\n" + start
    )
    sender.setblocking(False)
    return sender


def push(sender: socket.socket, left: int) -> int:
    """Send what the connection takes; how much of the lump is left, nothing where the service hung up."""
    try:
        return left - sender.send(b"A" * min(left, 65_536))
    except BlockingIOError:
        return left
    except OSError:
        return 0


def answer_of(sender: socket.socket) -> bytes:
    try:
        return sender.recv(4_096)
    except OSError:
        return b""


def test_many_slow_senders_neither_fill_the_memory_nor_keep_others_out(tmp_path: Path) -> None:
    """180 MB on their way where 20 may be held: some get 503, none another 5xx, and a good check is served."""
    with attacked_service(tmp_path, **ENVIRONMENT) as service:
        before_mb = service.memory_mb()
        senders = [begin(service, number) for number in range(SENDERS)]
        left = dict.fromkeys(senders, LUMP)
        most_held, most_mb, served_checks = 0.0, 0.0, 0
        until = time.monotonic() + 60
        while any(left.values()) and time.monotonic() < until:
            for _ in range(8):
                left = {sender: push(sender, rest) if rest else 0 for sender, rest in left.items()}
            most_held, most_mb = max(most_held, held_bytes(service)), max(most_mb, service.memory_mb())
        time.sleep(2.5)
        for seed in range(5):
            answer = httpx.post(f"{service.address}/check-plagiarism", files={"image": photo(seed)}, timeout=30)
            served_checks += answer.status_code == 200
        said = [found for found in map(answer_of, senders) if found]
        for sender in senders:
            sender.close()
        assert served_checks == 5
        assert 0 < most_held <= MOST_HELD_MB * 1e6
        assert most_mb - before_mb < 4 * MOST_HELD_MB
        assert any(found.startswith(b"HTTP/1.1 503") for found in said)
        for found in said:
            assert found.startswith((b"HTTP/1.1 503", b"HTTP/1.1 408")), found[:300]
            assert b"retry-after" in found.lower() or b"408" in found[:20]
        wait_for(lambda: held_bytes(service) == 0)


class FullDisk(tempfile.SpooledTemporaryFile[bytes]):
    """As on a disk without room."""

    def rollover(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_parts_that_find_no_room_on_the_disk_are_refused_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with when to come back; small ones need no disk; nothing stays held."""
    async with served(settings_for(tmp_path)) as client:
        monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", FullDisk)
        answer = await check(client, bytes(3_000_000))
        assert (answer.status_code, answer.json()["code"]) == (503, "uploads_full")
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["connection"] == "close"
        assert (await check(client, photo(1))).status_code == 200
        assert door_of(client).metrics.bodies_held._value.get() == 0


async def test_a_job_that_finds_no_room_on_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """507 as where the disk is nearly full; nothing is left."""

    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with served(settings_for(tmp_path)) as client:
        monkeypatch.setattr("service.jobs.intake.sync", full)
        answer = await client.post("/index/bulk", content=line_of(1, item_id="SKU-1").encode(), headers=NDJSON)
        assert (answer.status_code, answer.json()["code"]) == (507, "read_only")
        assert list((tmp_path / "jobs").iterdir()) == []


async def slowly(body: bytes, pieces: int = 20) -> AsyncIterator[bytes]:
    size = len(body) // pieces + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0.05)


async def test_a_body_has_its_time_and_the_upload_of_a_job_has_its_own(tmp_path: Path) -> None:
    """However steadily it comes: 408, and the connection ends."""
    async with served(settings_for(tmp_path, uploads={"total_s": 0.3, "bulk_total_s": 30.0})) as client:
        body = b'{"image_base64": "' + b"A" * 200_000 + b'"}'
        answer = await client.post(
            "/check-plagiarism", content=slowly(body), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (408, "upload_too_slow")
        assert answer.headers["connection"] == "close"
        line = line_of(1, item_id="SKU-1").encode()
        assert (await client.post("/index/bulk", content=slowly(line), headers=NDJSON)).status_code == 202
