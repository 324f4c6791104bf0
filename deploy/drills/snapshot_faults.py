"""A snapshot that was damaged while the service was down: it starts all the same, and no answer is wrong meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import track

from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving, wait_until_ready

_AFTER_READY_S = 1.0


def _overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    first, last = len(data) // 3, 2 * len(data) // 3
    data[first:last] = bytes(last - first)
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


FAULTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "manifest overwritten": ("manifest.json", _overwrite),
    "vectors overwritten": ("*.faiss", _overwrite),
    "labels overwritten": ("*.npz", _overwrite),
    "vectors cut short": ("*.faiss", _cut),
    "labels missing": ("*.npz", Path.unlink),
}
"""Which files of a snapshot, and what becomes of each."""


def drill(folder: Path, items: int) -> DrillReport:
    """Each fault, to every snapshot there is, before a start under checks that do not wait for it."""
    report = DrillReport(f"a damaged snapshot under a running restart, {items} items")
    settings = {"redis_url": "off", "demo": "0", "index__snapshot_every": str(items // 2)}
    with serving(folder, settings, fake_models=True) as server, httpx.Client(timeout=60) as client:
        for seed in track(range(items), "adding", console=Console(stderr=True)):
            _add(client, server, seed)
    for number, (name, fault) in enumerate(track(FAULTS.items(), "restarting", console=Console(stderr=True))):
        files, damage = fault
        snapshots = sorted(folder.glob("snapshots/0*"))
        if not snapshots:
            report.add(name, "a snapshot to damage", "none", False)
            continue
        for path in [path for snapshot in snapshots for path in snapshot.glob(files)]:
            damage(path)
        with serving(folder, settings, fake_models=True, ready=False) as server:
            _restart(report, server, name, items)
            # Another snapshot for the next fault, in place of what was damaged.
            with httpx.Client(timeout=60) as client:
                for seed in range(items):
                    _add(client, server, 1_000_000 * (number + 1) + seed)
                    client.delete(f"{server.address}/index/items/SKU-{1_000_000 * (number + 1) + seed}")
            _wait_for_another(folder, snapshots)
    return report


def _add(client: httpx.Client, server: Server, seed: int) -> None:
    answer = client.post(f"{server.address}/index/add", files={"image": pattern(seed)}, data={"item_id": f"SKU-{seed}"})
    answer.raise_for_status()


def _restart(report: DrillReport, server: Server, name: str, items: int) -> None:
    told: Counter[str] = Counter()
    done = threading.Event()
    asking = threading.Thread(target=_ask, args=(server, items, told, done))
    asking.start()
    started = time.monotonic()
    wait_until_ready(server)
    ready_s = time.monotonic() - started
    done.wait(_AFTER_READY_S)
    done.set()
    asking.join()
    searchable = httpx.get(f"{server.address}/index/stats", timeout=60).json()["searchable"]
    words = ", ".join(f"{count} {what}" for what, count in sorted(told.items()))
    good = told["right"] > 0 and set(told) <= {"right", "503", "not listening"} and searchable == items
    report.add(name, "right or 503; all searched", f"{words}; {searchable} searched, ready in {ready_s:.1f} s", good)


def _ask(server: Server, items: int, told: Counter[str], done: threading.Event) -> None:
    """Check after check from before the service listens."""
    seed = 0
    with httpx.Client(base_url=server.address, timeout=60) as client:
        while not done.is_set():
            seed = (seed + 1) % items
            try:
                answer = client.post("/check-plagiarism", files={"image": pattern(seed)})
            except httpx.TransportError:
                told["not listening"] += 1
                done.wait(0.05)
                continue
            if answer.status_code == 200:
                best = [match["item_id"] for garment in answer.json()["garments"] for match in garment["matches"][:1]]
                told["right" if best == [f"SKU-{seed}"] else "wrong"] += 1
            else:
                told[str(answer.status_code)] += 1
                done.wait(0.05)


def _wait_for_another(folder: Path, damaged: list[Path]) -> None:
    until = time.monotonic() + 60
    while set(folder.glob("snapshots/0*")) <= set(damaged) and time.monotonic() < until:
        time.sleep(0.1)
