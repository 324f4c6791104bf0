"""A whole service in a process of its own, with decoders apart, to be sent what is hostile."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.drills.soak import resident_mb
from service.decoding.process import Ended
from tests.hostile.files import HostileFile
from tests.photos import photo

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 240.0
HUNG_AFTER_S = 60.0
AT_ONCE = 2
UNASKED = (Ended.MEMORY.value, Ended.CRASH.value)


@dataclass(frozen=True, slots=True)
class AttackedService:
    """Its address and its process."""

    address: str
    pid: int

    def memory_mb(self) -> float:
        """MiB that are resident of the service and its decoders."""
        return resident_mb(self.pid)

    def decoders_ended(self) -> dict[str, int]:
        """How many so far, by reason, as the metrics have it."""
        text = httpx.get(f"{self.address}/metrics", timeout=HUNG_AFTER_S).raise_for_status().text
        found = re.findall(r'^selvedge_decoders_ended_total\{reason="(\w+)"\} (\S+)$', text, re.MULTILINE)
        return {reason: round(float(count)) for reason, count in found}

    def decoders_lost(self) -> int:
        """Those that ended though no limit of ours was reached."""
        ended = self.decoders_ended()
        return sum(ended[reason] for reason in UNASKED)


@dataclass(slots=True)
class Report:
    """What came of an attack. `wrong`: answers that are not among the right ones; `hung`: none in time; `overloaded`:
    503 answers of a full queue, after which the same file was sent again."""

    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    overloaded: int = 0


@contextmanager
def attacked_service(folder: Path, **environment: str) -> Iterator[AttackedService]:
    """Ready, and warm in every format. It must still run at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"SELVEDGE_REDIS_URL": "off", "SELVEDGE_LOG__LEVEL": "ERROR", **environment}
    command = [sys.executable, "-m", "tests.fake_service", str(port), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}) as process:
        service = AttackedService(f"http://127.0.0.1:{port}", process.pid)
        try:
            _wait_until_ready(service.address)
            yield service
            assert process.poll() is None, "the service ended"
        finally:
            process.terminate()
            process.wait(30)


def attack(service: AttackedService, files: Iterable[HostileFile]) -> Report:
    """Send every file as a photo to check."""
    report = Report()
    with (
        httpx.Client(base_url=service.address, timeout=HUNG_AFTER_S) as client,
        ThreadPoolExecutor(AT_ONCE) as senders,
    ):
        for _ in senders.map(lambda file: send_file(client, file, report), files):
            pass
    return report


def send_file(client: httpx.Client, file: HostileFile, report: Report) -> None:
    """Send a file as a photo to check, until the queue takes it, and report what came of it."""
    started = time.monotonic()
    try:
        answer = client.post("/check-plagiarism", files={"image": ("photo", file.data)})
        while answer.status_code == 503 and answer.json()["code"] == "overloaded":
            report.overloaded += 1
            time.sleep(0.2)
            answer = client.post("/check-plagiarism", files={"image": ("photo", file.data)})
    except httpx.TimeoutException:
        report.hung.append(file.name)
        return
    except httpx.TransportError as error:
        report.wrong.append(f"{file.name}: {type(error).__name__}")
        return
    report.answers[answer.status_code] += 1
    report.slowest = max(report.slowest, (time.monotonic() - started, file.name))
    if answer.status_code not in file.expected:
        report.wrong.append(f"{file.name}: {answer.status_code} {answer.text[:200]}")


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the service did not become ready"
        time.sleep(0.1)
    for seed in range(20):
        httpx.post(f"{address}/check-plagiarism", files={"image": photo(seed)}, timeout=HUNG_AFTER_S)
