"""kill -9 while items are added and deleted: nothing acknowledged is lost, doubled or resurrected."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track

from deploy.drills.photos import Photo
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving

_WRITERS = 2
_DELETE_EVERY = 10


@dataclass(slots=True)
class Acknowledged:
    """What the service said was done. A delete that was cut off may or may not have happened: `unsure`."""

    added: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kept(self) -> set[str]:
        return set(self.added) - self.deleted - self.unsure


def drill(data_dir: Path, rounds: int, adds: int, photo: Photo, *, fake_models: bool) -> DrillReport:
    """Kill the service `rounds` times, each after `adds` more acknowledged adds at a moment of chance."""
    report = DrillReport(f"kill -9, {rounds} × {adds} acknowledged adds")
    said = Acknowledged()
    lost: set[str] = set()
    doubled: set[str] = set()
    resurrected: set[str] = set()
    chance = random.Random(1)
    settings = {"redis_url": "off", "demo": "0"}
    for number in track(range(rounds + 1), "killing", console=Console(stderr=True)):
        with serving(data_dir, settings, fake_models=fake_models) as server:
            there = [item["item_id"] for item in items(server)]
            lost |= said.kept - set(there)
            doubled |= {item_id for item_id in there if there.count(item_id) > 1} if _repeats(there) else set()
            resurrected |= said.deleted & set(there)
            if number < rounds:
                _write_until_killed(server, said, number * 100_000, adds, photo, chance.uniform(0, 0.05))
                continue
            stats = httpx.get(f"{server.address}/index/stats", timeout=60).json()
            photos = {len(item["photos"]) for item in items(server)}
            found = _found_again(server, said, photo)
    report.add("acknowledged adds", f"at least {rounds * adds}", len(said.added), len(said.added) >= rounds * adds)
    report.add("acknowledged deletes", "some", len(said.deleted), bool(said.deleted) or adds < _DELETE_EVERY)
    report.add("lost", "0", len(lost), not lost)
    report.add("doubled", "0, one photo an item", f"{len(doubled)}, {photos}", not doubled and photos == {1})
    report.add("resurrected", "0", len(resurrected), not resurrected)
    same = f"{stats['searchable']} searched, {stats['items']} registered"
    report.add("record and index", "the same", same, stats["searchable"] == stats["items"] == len(there))
    report.add("found by a check", "all of a sample", f"{found[0]} of {found[1]}", found[0] == found[1] > 0)
    return report


def items(server: Server) -> Iterator[dict[str, Any]]:
    """Every registered item, page by page."""
    with httpx.Client(base_url=server.address, timeout=60) as client:
        cursor: str | None = None
        while True:
            page = client.get("/index/items", params={"limit": 200} | ({"cursor": cursor} if cursor else {})).json()
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _repeats(ids: list[str]) -> bool:
    return len(set(ids)) != len(ids)


def _write_until_killed(
    server: Server, said: Acknowledged, first: int, adds: int, photo: Photo, later_s: float
) -> None:
    wanted = threading.Event()
    before = len(said.added)

    def write(seed: int) -> None:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            while _write_one(client, said, seed, photo):
                seed += _WRITERS
                if len(said.added) - before >= adds:
                    wanted.set()
        wanted.set()

    writers = [threading.Thread(target=write, args=(first + number,)) for number in range(_WRITERS)]
    for writer in writers:
        writer.start()
    wanted.wait(600)
    threading.Event().wait(later_s)
    server.process.send_signal(signal.SIGKILL)
    for writer in writers:
        writer.join()


def _write_one(client: httpx.Client, said: Acknowledged, seed: int, photo: Photo) -> bool:
    """One add and sometimes a delete; False once the service is gone."""
    item_id = f"SKU-{seed}"
    try:
        answer = client.post("/index/add", files={"image": photo(seed)}, data={"item_id": item_id})
        if answer.status_code == 201:
            with said.lock:
                said.added[item_id] = seed
        if seed % _DELETE_EVERY == 0 and item_id in said.added:
            said.unsure.add(item_id)
            if client.delete(f"/index/items/{item_id}").status_code == 204:
                with said.lock:
                    said.deleted.add(item_id)
                    said.unsure.discard(item_id)
    except httpx.TransportError:
        return False
    return True


def _found_again(server: Server, said: Acknowledged, photo: Photo) -> tuple[int, int]:
    """How many of a sample a check finds as the very photo, and how many were asked for."""
    kept = sorted(said.kept)
    sample = random.Random(2).sample(kept, min(10, len(kept)))
    good = 0
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for item_id in sample:
            fields = {"top_k": "200", "min_score": "0.9"}
            answer = client.post("/check-plagiarism", files={"image": photo(said.added[item_id])}, data=fields).json()
            matches = answer["garments"][0]["matches"] if answer["garments"] else []
            good += any(match["same_photo"] for match in matches)
    return good, len(sample)
