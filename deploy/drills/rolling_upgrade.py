"""One release replaced by the next on a record that both use for a while: nothing refused, nothing lost."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

from deploy.drills.kill_nine import items
from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.server_process import ROOT, Server, serving
from tests.postgres import find_postgres, running_cluster

_PHASE_S = 4.0
_KEPT = 5


@dataclass(slots=True)
class _Traffic:
    """What one release was asked meanwhile: adds, checks of what was added, deletes."""

    name: str
    statuses: Counter[int] = field(default_factory=Counter)
    kept: set[str] = field(default_factory=set)
    unseen: int = 0

    @property
    def refused(self) -> int:
        return sum(count for status, count in self.statuses.items() if status not in (200, 201, 204))


def drill(folder: Path, before: str, phase_s: float = _PHASE_S) -> DrillReport:
    """`before` is a commit of this repository: the earlier release, checked out beside it for the while."""
    report = DrillReport(f"{before} replaced by what is here, on one record")
    with _checked_out(folder / "before", before) as earlier:
        _replace(report, folder / "sqlite", "SQLite", None, earlier, phase_s)
        if find_postgres() is not None:
            with running_cluster(durable=True) as cluster:
                _replace(report, folder / "postgresql", "PostgreSQL", cluster.new_database(), earlier, phase_s)
    return report


@contextmanager
def _checked_out(folder: Path, commit: str) -> Iterator[Path]:
    add = ["git", "-C", str(ROOT), "worktree", "add", "--detach", str(folder), commit]
    if (done := subprocess.run(add, capture_output=True, text=True, check=False)).returncode:
        raise RuntimeError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(folder)], check=False)


def _replace(report: DrillReport, data_dir: Path, name: str, url: str | None, earlier: Path, phase_s: float) -> None:
    data_dir.mkdir(parents=True)
    url = f"sqlite:///{data_dir / 'record.sqlite'}" if url is None else url
    settings = {"redis_url": "off", "demo": "0", "database_url": url}
    old, new = _Traffic("the earlier release"), _Traffic("this one")
    with ExitStack() as stack:
        server = stack.enter_context(serving(data_dir, settings, fake_models=True, root=earlier))
        with _asked(server, old, 0), ExitStack() as both:
            revisions = [_revision(url)]
            later = stack.enter_context(serving(data_dir, settings, fake_models=True))
            revisions.append(_revision(url))
            both.enter_context(_asked(later, new, 1))
            threading.Event().wait(phase_s)
        server.process.terminate()
        server.process.wait(30)
        with _asked(later, new, 2):
            threading.Event().wait(phase_s)
        listed = [item["item_id"] for item in items(later)]
        stats = httpx.get(f"{later.address}/index/stats", timeout=60).json()
    report.add(
        f"{name}: revision of the record", "another after the start", " → ".join(revisions), len(set(revisions)) == 2
    )
    for traffic in (old, new):
        said = f"{dict(sorted(traffic.statuses.items()))}, {traffic.unseen} not found"
        good = traffic.refused == traffic.unseen == 0 and sum(traffic.statuses.values()) > 0
        report.add(f"{name}: answers of {traffic.name}", "2xx, all found", said, good)
    kept = sorted(old.kept | new.kept)
    same = f"{len(listed)} listed, {stats['searchable']} searched"
    report.add(
        f"{name}: items at the end", f"{len(kept)}", same, sorted(listed) == kept and stats["searchable"] == len(kept)
    )


@contextmanager
def _asked(server: Server, traffic: _Traffic, salt: int) -> Iterator[None]:
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for number in itertools.count(10_000_000 * (salt + 1)):
                if over.is_set():
                    return
                _ask(client, traffic, number)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ask(client: httpx.Client, traffic: _Traffic, number: int) -> None:
    item, photo = f"SKU-{number}", pattern(number)
    added = client.post("/index/add", files={"image": photo}, data={"item_id": item})
    found = client.post("/check-plagiarism", files={"image": photo})
    traffic.statuses.update((added.status_code, found.status_code))
    matches = [match["item_id"] for garment in found.json().get("garments", ()) for match in garment["matches"][:1]]
    traffic.unseen += item not in matches
    traffic.kept.add(item)
    if number % _KEPT == 0:
        traffic.statuses[client.delete(f"/index/items/{item}").status_code] += 1
        traffic.kept.discard(item)


def _revision(url: str) -> str:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            return str(connection.scalar(text("SELECT version_num FROM record_revision")))
    finally:
        engine.dispose()
