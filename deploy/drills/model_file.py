"""A model file that cannot be trusted: the service stays live, does not become ready, and says why."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from deploy.drills.photos import garment
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving
from service.settings import WEIGHTS_DIR

_WITHIN_S = 60.0


def _flip_a_bit(weights: Path) -> None:
    with (weights / "embedder.onnx").open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))


def _cut_off(weights: Path) -> None:
    with (weights / "landmarker.onnx").open("r+b") as file:
        file.truncate(100_000)


def _remove(weights: Path) -> None:
    (weights / "detector.onnx").unlink()


def _other_taxonomy(weights: Path) -> None:
    manifest = weights / "detector.json"
    manifest.write_text(manifest.read_text().replace('"taxonomy": "', '"taxonomy": "0'))


FAULTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "one bit flipped in embedder.onnx": ("embedder.onnx", _flip_a_bit),
    "landmarker.onnx cut off": ("landmarker.onnx", _cut_off),
    "detector.onnx missing": ("detector.onnx", _remove),
    "the detector's manifest of another taxonomy": ("taxonomy", _other_taxonomy),
}


def drill(folder: Path) -> DrillReport:
    """Each fault in a copy of the shipped networks; then the same data dir with the files as they should be."""
    report = DrillReport("A model file that cannot be trusted")
    settings = {"redis_url": "off", "demo": "0"}
    for number, (name, (named, spoil)) in enumerate(FAULTS.items()):
        weights = folder / f"weights-{number}"
        shutil.copytree(WEIGHTS_DIR, weights)
        spoil(weights)
        with serving(folder / "data", settings | {"weights_dir": str(weights)}, ready=False) as server:
            status, reason = _failure(server)
            live = httpx.get(f"{server.address}/livez", timeout=10).status_code
            refused = httpx.post(f"{server.address}/check-plagiarism", files={"image": garment(0)}, timeout=10)
        good = status == 503 and named in reason and live == 200
        good = good and (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        found = f"livez {live}, readyz {status}, check {refused.status_code}: {reason}"
        report.add(name, "live, not ready, checks 503, says why", found, good)
    with serving(folder / "data", settings) as server:
        answer = httpx.post(f"{server.address}/check-plagiarism", files={"image": garment(0)}, timeout=60)
    report.add("the files as they should be", "ready, checks 200", answer.status_code, answer.status_code == 200)
    return report


def _failure(server: Server) -> tuple[int, str]:
    """What /readyz says once the start has failed."""
    deadline = time.monotonic() + _WITHIN_S
    status, reason = 0, "no answer"
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            answer = httpx.get(f"{server.address}/readyz", timeout=10)
            status, reason = answer.status_code, answer.json().get("reason", "")
            if status == 200 or "could not start" in reason:
                break
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    return status, reason
