"""The index swapped under load: by what another process writes, by snapshots, and by a release with other models."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import track

from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.load_client import Answer, LoopbackClient, quantile_ms
from deploy.server_process import ROOT, Server, serving

_CLIENTS = 2
_BURST_S = 0.5
_NEWER = "fake-models-2"
_COMES_AND_GOES = 1_000_000
MOST_RATIO = 2.0


@dataclass(slots=True)
class _Load:
    """What checks of registered photos were answered; all must be recognised."""

    photos: Callable[[], bytes]
    answers: list[Answer] = field(default_factory=list)

    def put_on(self, server: Server, seconds: float) -> None:
        async def work() -> None:
            client = LoopbackClient(server.address)
            self.answers += (await client.in_turn(self.photos, _CLIENTS, seconds)).answers
            await client.close()

        asyncio.run(work())

    @property
    def errors(self) -> int:
        return sum(answer.status != 200 or answer.json()["verdict"] != "image_copy" for answer in self.answers)


def drill(folder: Path, items: int, seconds: float, most_ratio: float = MOST_RATIO) -> DrillReport:
    """Each phase lasts so many seconds, that of the new models as long as they need. Two clients, nothing cached."""
    report = DrillReport(f"the index swapped under load, {items} items, {_CLIENTS} clients")
    url = f"sqlite:///{folder / 'catalogue.sqlite'}"
    settings = {"redis_url": "off", "demo": "0", "database_url": url, "index__snapshot_every": "40"}
    numbers = itertools.count()
    known = [pattern(seed) for seed in range(items)]
    phases = {name: _Load(lambda: known[next(numbers) % items]) for name in ("quiet", "written", "models")}
    with ExitStack() as stack:
        old = stack.enter_context(serving(folder, settings, fake_models=True))
        writer = stack.enter_context(serving(folder, settings, fake_models=True))
        with httpx.Client(base_url=old.address, timeout=60) as client:
            for seed in track(range(items), "adding", console=Console(stderr=True)):
                client.post(
                    "/index/add", files={"image": known[seed]}, data={"item_id": f"SKU-{seed}"}
                ).raise_for_status()
        phases["quiet"].put_on(old, _BURST_S)
        phases["quiet"].answers.clear()
        phases["quiet"].put_on(old, seconds)
        with _writing(writer) as written:
            phases["written"].put_on(old, seconds)
        snapshots = len(list(folder.glob("snapshots/0*")))
        new = stack.enter_context(serving(folder, settings, fake_models=_NEWER, ready=False))
        command = [sys.executable, "-m", "tests.fake_reembed", str(folder), url, _NEWER]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as reembedding:
            while reembedding.poll() is None or not _ready(new):
                phases["models"].put_on(old, _BURST_S)
        phases["models"].put_on(new, seconds)
    quiet_ms = quantile_ms(phases["quiet"].answers, 0.99)
    told = {
        "quiet": "nothing else goes on",
        "written": f"another process: {written[0]} adds and deletes, {snapshots} snapshots kept",
        "models": "described anew, then switched to the new models' service",
    }
    for name, load in phases.items():
        p99 = quantile_ms(load.answers, 0.99)
        said = (
            f"{load.errors} of {len(load.answers)} wrong or refused, "
            f"p50 {quantile_ms(load.answers, 0.5):.0f} ms, p99 {p99:.0f} ms = {p99 / quiet_ms:.1f}×"
        )
        good = load.errors == 0 and len(load.answers) > 0 and p99 <= most_ratio * quiet_ms
        report.add(told[name], f"0 errors, p99 ≤ {most_ratio:g}×", said, good)
    return report


def _ready(server: Server) -> bool:
    try:
        return httpx.get(f"{server.address}/readyz", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _writing(server: Server) -> Iterator[list[int]]:
    """Adds and deletes at another process meanwhile, which the one under load follows."""
    done, written = threading.Event(), [0]

    def write() -> None:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for seed in itertools.count(_COMES_AND_GOES):
                if done.is_set():
                    return
                client.post(
                    "/index/add", files={"image": pattern(seed)}, data={"item_id": f"SKU-{seed}"}
                ).raise_for_status()
                client.delete(f"/index/items/SKU-{seed}").raise_for_status()
                written[0] += 2

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        done.set()
        thread.join()
