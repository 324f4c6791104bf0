"""How soon a replica finds what another acknowledged, both on one record."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track

from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving
from tests.postgres import find_postgres, running_cluster

FOUND_WITHIN_S = 1.0
_GIVEN_UP_S = 30.0


def drill(folder: Path, adds: int) -> DrillReport:
    """On SQLite and, where its binaries are, on PostgreSQL: so many adds at one, checked at the other until found."""
    report = DrillReport(f"replicas on one record, {adds} adds each")
    _follow(report, folder / "sqlite", "SQLite", None, adds)
    if find_postgres() is not None:
        with running_cluster(durable=True) as cluster:
            _follow(report, folder / "postgresql", "PostgreSQL", cluster.new_database(), adds)
    return report


def _follow(report: DrillReport, data_dir: Path, name: str, url: str | None, adds: int) -> None:
    settings = {"redis_url": "off", "demo": "0"} | ({} if url is None else {"database_url": url})
    with ExitStack() as stack:
        here, there = (stack.enter_context(serving(data_dir, settings, fake_models=True)) for _ in range(2))
        clients = [stack.enter_context(httpx.Client(base_url=one.address, timeout=60)) for one in (here, there)]
        waited = [
            _found_after(clients[0], clients[1], seed)
            for seed in track(range(adds), f"adding on {name}", console=Console(stderr=True))
        ]
        behind = _behind(there)
    median, most = (float(np.quantile(waited, share)) for share in (0.5, 1.0))
    said = f"median {median * 1e3:.0f} ms, slowest {most * 1e3:.0f} ms, the check included"
    report.add(f"{name}: found by the other", f"all within {FOUND_WITHIN_S:g} s", said, most <= FOUND_WITHIN_S)
    report.add(f"{name}: behind, as /readyz says", "0 changes", behind, behind == 0)


def _found_after(here: httpx.Client, there: httpx.Client, seed: int) -> float:
    """Seconds from the 201 until a check that was sent elsewhere has come back with it."""
    photo, item_id = pattern(seed), f"SKU-{seed}"
    here.post("/index/add", files={"image": photo}, data={"item_id": item_id}).raise_for_status()
    acknowledged = time.monotonic()
    while time.monotonic() - acknowledged < _GIVEN_UP_S:
        answer = there.post("/check-plagiarism", files={"image": photo}).json()
        if item_id in [match["item_id"] for garment in answer["garments"] for match in garment["matches"][:1]]:
            break
    return time.monotonic() - acknowledged


def _behind(server: Server) -> int:
    return int(httpx.get(f"{server.address}/readyz", timeout=60).json()["behind"]["changes"])
