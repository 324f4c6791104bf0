"""What was acknowledged survives kill -9, and nothing is doubled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.photos import photo

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process_of(data_dir: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The service in a process of its own, ready; killed at the end if it still runs.

    `settings`: variables in lower case, without their prefix.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELVEDGE_")}
    environment |= {f"SELVEDGE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "tests.fake_service", str(port), str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.kill()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the service ended"
        try:
            if httpx.get(f"{address}/readyz", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not become ready")


def _add_until_it_dies(address: str, first: int, acknowledged: list[str]) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        for seed in range(first, first + 1000):
            try:
                answer = client.post("/index/add", files={"image": photo(seed)}, data={"item_id": f"SKU-{seed}"})
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                acknowledged.append(f"SKU-{seed}")


def test_every_acknowledged_add_is_there_once_after_kill_nine(tmp_path: Path) -> None:
    """Two writers at once, killed in the middle, twice; the embedded Redis goes with its parent."""
    acknowledged: list[str] = []
    for first in (0, 10_000):
        with process_of(tmp_path) as (address, process):
            writers = [
                threading.Thread(target=_add_until_it_dies, args=(address, first + 1000 * n, acknowledged))
                for n in range(2)
            ]
            for writer in writers:
                writer.start()
            wanted = len(acknowledged) + 12
            while len(acknowledged) < wanted:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            for writer in writers:
                writer.join()
    with process_of(tmp_path) as (address, process), httpx.Client(base_url=address, timeout=30) as client:
        listed = client.get("/index/items", params={"limit": 200}).json()["items"]
        ids = [item["item_id"] for item in listed]
        assert len(ids) == len(set(ids))
        assert set(acknowledged) <= set(ids)
        assert all(len(item["photos"]) == 1 for item in listed)
        stats = client.get("/index/stats").json()
        assert stats["searchable"] == stats["items"] == len(ids)
        for item_id in (acknowledged[0], acknowledged[-1]):
            seed = int(item_id.removeprefix("SKU-"))
            best = client.post("/check-plagiarism", files={"image": photo(seed)}).json()["garments"][0]["matches"][0]
            assert (best["item_id"], best["same_photo"]) == (item_id, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
