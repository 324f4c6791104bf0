"""Speed and memory of a real server process over HTTP, with 10,000 items grown from real garments by perturbation."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
from rich.progress import track

from deploy.drills.filling import fill
from deploy.drills.soak import resident_mb
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import PhotoDescriber
from models.training.data.copies import read_pixels
from models.training.data.readers import Fold, read_garments
from tests.benchmarks.tables import Report, milliseconds

ITEMS = 10_000
CHECKS = 60
ADDS = 40
MEGAPIXEL = (1155, 866)
READY_WITHIN_S = 120.0


def measure(describer: PhotoDescriber, root: Path) -> Report:
    """Fill a data dir, start `selvedge serve` on it, and ask it over loopback; every photo differs: no cache hit."""
    photos = [g.path for g in read_garments(root) if g.fold is Fold.VALIDATION and g.ok and g.box is not None]
    report = Report(f"Speed on {os.cpu_count()} cores, {ITEMS} items")
    with tempfile.TemporaryDirectory() as folder:
        _grow_catalogue(describer, Path(folder), photos[:300])
        started = time.monotonic()
        with _server(Path(folder)) as (client, process):
            ready = time.monotonic() - started
            checks, looks = _check_speed(client, photos)
            memory = resident_mb(process.pid)
            adds = _add_speed(client, photos)
    report.add(
        "`POST /check-plagiarism`, one garment, 1 megapixel, warm", "p50 ≤ 300 ms", milliseconds(checks), len(checks)
    )
    report.add("– of it detect, landmarks and embed", "p50 ≤ 85 ms", milliseconds(looks), len(looks))
    report.add("`POST /index/add`, one client", "≥ 4 photos/s", f"{adds:.1f} photos/s", ADDS)
    report.add("start to ready", "≤ 10 s", f"{ready:.1f} s", 1)
    report.add("memory of the server (RSS)", "≤ 1.5 GB", f"{memory / 1024:.2f} GB", 1)
    return report


def _grow_catalogue(describer: PhotoDescriber, folder: Path, photos: list[Path]) -> None:
    """Perturbed versions of real garments under new ids, with the photos they came from."""
    seen = []
    for path in track(photos, "describing"):
        data = path.read_bytes()
        photo = describer.describe(decode(data, ImageLimits()))
        if photo.garments:
            seen.append((photo, data))
    fill(folder, seen, ITEMS)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"SELVEDGE_PORT": str(port), "SELVEDGE_DATA_DIR": str(folder), "SELVEDGE_DEMO": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"], env=os.environ | settings, stdout=subprocess.DEVNULL
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        try:
            _wait_until_ready(client, process)
            yield client, process
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.05)
    raise RuntimeError("the server did not become ready")


def _megapixel_jpegs(photos: list[Path], count: int, salt: int) -> Iterator[bytes]:
    """Real photos scaled to 1 megapixel; a dot of another colour each makes every upload new to the caches."""
    for number in range(count):
        pixels = read_pixels(photos[(number * 7) % len(photos)])
        size = MEGAPIXEL if pixels.shape[1] > pixels.shape[0] else MEGAPIXEL[::-1]
        large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
        large[:8, :8] = (number, salt, 0)
        done, data = cv2.imencode(".jpg", cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
        assert done
        yield bytes(data)


def _check_speed(client: httpx.Client, photos: list[Path]) -> tuple[list[float], list[float]]:
    """Seconds of each warm check that found exactly one garment, and of the networks' part of it."""
    times, looks = [], []
    for number, data in enumerate(_megapixel_jpegs(photos, CHECKS + 5, 1)):
        started = time.monotonic()
        answer = client.post("/check-plagiarism", files={"image": ("photo.jpg", data)})
        elapsed = time.monotonic() - started
        answer.raise_for_status()
        if number >= 5 and len(answer.json()["garments"]) == 1:
            stages = answer.json()["timings_ms"]
            times.append(elapsed)
            looks.append(sum(stages[stage] for stage in ("detect", "landmarks", "embed")) / 1e3)
    return times, looks


def _add_speed(client: httpx.Client, photos: list[Path]) -> float:
    uploads = list(_megapixel_jpegs(photos, ADDS, 2))
    started = time.monotonic()
    done = sum(
        client.post("/index/add", data={"item_id": f"new-{n}"}, files={"image": ("p.jpg", data)}).status_code == 201
        for n, data in enumerate(uploads)
    )
    return done / (time.monotonic() - started)
