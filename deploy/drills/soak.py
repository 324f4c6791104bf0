"""Checks, adds and deletes for a long time on a catalogue that was there before: no error, and memory that stays."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track

from deploy.drills.filling import fill
from deploy.drills.photos import Photo, garment, pattern
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import Describer, PhotoDescriber
from service.demo.wardrobe import WARDROBE

SETTINGS = {"demo": "0", "index__snapshot_every": "100", "cache__memory_mb": "16"}
"""A small cache, which is soon full: what grows after that is a leak."""
CHECKS_A_SECOND, ADDS_A_SECOND = 1.0, 0.25
MOST_AT_ONCE_ADDED = 25
"""Items that are there beside the catalogue; from then on an old one is deleted for each that is added."""
LOOK_EVERY_S = 5.0
MOST_GROWTH = 0.03
"""From the third quarter of the time to the last, in parts of what is used: by then caches are full and a snapshot, the
first of which takes memory that later ones use again, was written."""
WARMING = 8
_CHECKED = 10_000_000
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(slots=True)
class Soaked:
    """What was answered, by request and status.

    `memory` rows are (seconds since the start, MiB of the service, MiB of the processes it started).
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: int = 0
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        bad = sum(count for (_, status), count in self.statuses.items() if status not in (200, 201, 204))
        return bad + len(self.failures)


def drill(folder: Path, describer: Describer, items: int, minutes: float, plot: Path | None = None) -> DrillReport:
    """Runs for so many minutes on the models that `describer` has; writes the curve of memory to `plot`."""
    fake_models = not isinstance(describer, PhotoDescriber)
    photo = pattern if fake_models else garment
    drawn = [photo(seed) for seed in range(len(WARDROBE))]
    seen = [(describer.describe(decode(data, ImageLimits())), data) for data in drawn]
    fill(folder, [pair for pair in seen if pair[0].garments], items)
    soaked = Soaked()
    with serving(folder, SETTINGS, fake_models=fake_models) as server:
        _warm(server, photo)
        _soak(server, soaked, minutes * 60, photo)
        stats = httpx.get(f"{server.address}/index/stats", timeout=60).json()
    if plot is not None:
        draw_memory(soaked, plot)
    return _report(soaked, items, minutes, stats)


def _warm(server: Server, photo: Photo) -> None:
    """So many checks at once that every worker runs every network: what that takes once is kept for the next time."""

    def ask(number: int) -> None:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            client.post("/check-plagiarism", files={"image": photo(2 * _CHECKED + number)})

    with ThreadPoolExecutor(WARMING) as callers:
        list(callers.map(ask, range(10 * WARMING)))


def _soak(server: Server, soaked: Soaked, seconds: float, photo: Photo) -> None:
    over, began = threading.Event(), time.monotonic()

    def paced(rate: float, step: Callable[[httpx.Client, int], None]) -> None:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for number in itertools.count():
                if over.wait(max(0.0, began + number / rate - time.monotonic())):
                    return
                try:
                    step(client, number)
                except (httpx.HTTPError, KeyError, IndexError, ValueError) as error:
                    soaked.failures.append(repr(error))

    def check(client: httpx.Client, number: int) -> None:
        # Every second photo is one of few, so that the caches are used as well.
        seed = _CHECKED + (number if number % 2 else number % 40)
        answer = client.post("/check-plagiarism", files={"image": photo(seed)})
        soaked.statuses["check", answer.status_code] += 1

    def write(client: httpx.Client, number: int) -> None:
        item = f"soak-{number}"
        answer = client.post("/index/add", files={"image": photo(number)}, data={"item_id": item})
        soaked.statuses["add", answer.status_code] += 1
        if number % 20 == 0:
            soaked.wrong += not _found(client, photo(number), item)
        if number >= MOST_AT_ONCE_ADDED:
            gone = client.delete(f"/index/items/soak-{number - MOST_AT_ONCE_ADDED}")
            soaked.statuses["delete", gone.status_code] += 1

    threads = [threading.Thread(target=paced, args=(CHECKS_A_SECOND / 2, check)) for _ in range(2)]
    threads.append(threading.Thread(target=paced, args=(ADDS_A_SECOND, write)))
    for thread in threads:
        thread.start()
    for number in track(range(max(2, int(seconds / LOOK_EVERY_S))), "soaking", console=Console(stderr=True)):
        over.wait(max(0.0, began + number * LOOK_EVERY_S - time.monotonic()))
        soaked.memory.append((time.monotonic() - began, *_resident(server.process.pid)))
    over.set()
    for thread in threads:
        thread.join()


def _found(client: httpx.Client, photo: bytes, item: str) -> bool:
    """Whether the photo that was just added is known to be that item's; many items share the drawn garment."""
    answer = client.post("/check-plagiarism", files={"image": photo}, data={"top_k": "200"}).json()
    return any(match["item_id"] == item and match["same_photo"] for g in answer["garments"] for match in g["matches"])


def _report(soaked: Soaked, items: int, minutes: float, stats: dict[str, int]) -> DrillReport:
    report = DrillReport(f"{minutes:g} minutes of checks, adds and deletes, {items:,} items")
    for kind in ("check", "add", "delete"):
        by_status = {status: count for (what, status), count in sorted(soaked.statuses.items()) if what == kind}
        report.add(f"{kind}s by status", "2xx", by_status, bool(by_status) or kind == "delete")
    report.add("errors", "0", soaked.errors, soaked.errors == 0)
    report.add("items not found as soon as they were added", "0", soaked.wrong, soaked.wrong == 0)
    added = sum(count for (what, _), count in soaked.statuses.items() if what == "add")
    deleted = sum(count for (what, _), count in soaked.statuses.items() if what == "delete")
    left = items + added - deleted
    same = f"{stats['searchable']:,} searched, {stats['items']:,} registered"
    report.add("record and index", f"{left:,}", same, stats["searchable"] == stats["items"] == left)
    for column, name in ((1, "the service"), (2, "its cache and decoders")):
        early, late, slope = growth([(row[0], row[column]) for row in soaked.memory])
        said = f"{early:.0f} MiB → {late:.0f} MiB, {slope:+.1f} MiB an hour"
        good = late <= early * (1 + MOST_GROWTH)
        report.add(f"memory of {name}, third to last quarter", f"within {MOST_GROWTH:.0%}", said, good)
    return report


def growth(memory: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Medians (MiB) of the third and the last quarter of the rows, and the slope (MiB an hour) over both."""
    warm = np.array(memory[len(memory) // 2 :])
    half = max(1, len(warm) // 2)
    slope = float(np.polyfit(warm[:, 0] / 3600, warm[:, 1], 1)[0]) if len(warm) > 1 else 0.0
    return float(np.median(warm[:half, 1])), float(np.median(warm[-half:, 1])), slope


def resident_mb(pid: int) -> float:
    """MiB of the process and its children: photo decoders and the embedded cache."""
    return sum(_resident(pid))


def _resident(pid: int) -> tuple[float, float]:
    """MiB of the process, and of its children."""
    own, children = 0, 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            pages = int((entry / "statm").read_text().split()[1])
            own += pages if entry.name == str(pid) else 0
            children += pages if int(fields[1]) == pid else 0
        except (OSError, IndexError, ValueError):
            continue  # gone meanwhile
    return own * _PAGE_MIB, children * _PAGE_MIB


def draw_memory(soaked: Soaked, out: Path) -> None:
    """The curve of memory as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    seconds, service, started = np.array(soaked.memory).T
    axes.plot(seconds / 60, service, color="#1f4e79", label="the service")
    axes.plot(seconds / 60, started, color="#b5651d", label="its cache and decoders")
    axes.set(xlabel="minutes", ylabel="MiB", ylim=(0, None))
    axes.legend(loc="lower right")
    axes.set_title("Resident memory under checks, adds and deletes")
    axes.grid(alpha=0.3)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
