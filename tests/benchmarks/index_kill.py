"""kill -9 amid adds, deletes, sealing, compaction and snapshots: `python -m tests.benchmarks.index_kill [ROUNDS]`.

Three writers, each with items of its own, say what they begin and what was acknowledged; beside them one thread
compacts and one writes snapshots, as the command line and the service do. Segments are a few rows, so that sealed and
mapped ones take part, and sealing is drawn out, which else takes microseconds. Each thread says what it is at, so that
the table tells what the kills fell into. After each kill the index is started again, from the snapshot that is there,
and every item is looked up, searched and compared with what was said.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from index.catalogue import Catalogue
from index.registry import Registry
from index.segments import SealedRows
from index.shards import Shards
from index.snapshot import Snapshots
from index.types import CataloguePhoto
from index.verification import verify
from tests.benchmarks.kill_moments import Activity, under_way
from tests.benchmarks.killed_writers import DIMENSION, ITEMS, MOMENTS, WRITERS, small_blocks
from tests.benchmarks.tables import Report
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_query

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 50
LONGEST_S = 2.0
State = int | None
"""The seed of an item's one photo, or None where it is deleted."""


@dataclass
class Told:
    """What the writers said: the state acknowledged of each item, and what was begun and not acknowledged."""

    states: dict[str, State] = field(default_factory=dict)
    begun: dict[str, State] = field(default_factory=dict)
    acknowledged: int = 0

    def hear(self, line: str) -> None:
        word, item_id, seed = line.split()
        state = None if seed == "-" else int(seed)
        if word == "begin":
            self.begun[item_id] = state
        else:
            self.states[item_id] = state
            self.begun.pop(item_id, None)
            self.acknowledged += 1


@dataclass
class Outcome:
    """Over all rounds."""

    rounds: int = 0
    acknowledged: int = 0
    snapshots: int = 0
    mapped: int = 0
    amid: Counter[Activity] = field(default_factory=Counter)
    amid_none: int = 0
    lost: int = 0
    doubled: int = 0
    resurrected: int = 0
    unverified: int = 0


def drill(folder: Path, rounds: int, seed: int = 0) -> Outcome:
    """Kill so many times, on one record."""
    chance, told, outcome = random.Random(seed), Told(), Outcome()
    for round_ in range(rounds):
        _write_and_kill(folder, 1_000_000 * (round_ + 1), chance.uniform(0, LONGEST_S), told)
        amid = under_way(folder / MOMENTS)
        outcome.amid.update(amid)
        outcome.amid_none += not amid
        with small_blocks():
            _look(folder, told, outcome)
        outcome.rounds += 1
    outcome.acknowledged = told.acknowledged
    return outcome


def _write_and_kill(folder: Path, first_seed: int, seconds: float, told: Told) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.killed_writers", str(folder), str(first_seed)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    for line in lines:
        if line.endswith("\n"):
            told.hear(line)


def _look(folder: Path, told: Told, outcome: Outcome) -> None:
    """Compare, and take for acknowledged whatever turned out of the writes that were begun."""
    registry = Registry(f"sqlite:///{folder}/record.db", folder, MODELS_VERSION, snapshot_every=0)
    registry.start()
    outcome.snapshots += registry._live.started_from is not None
    assert isinstance(registry._vectors, Shards)
    outcome.mapped += any(_is_mapped(block.rows) for _, block in registry._vectors.blocks())
    items = {item.item_id: item for item in registry.list(limit=WRITERS * ITEMS).items}
    for item_id in {*told.states, *told.begun, *items}:
        allowed = {told.states.get(item_id)} | ({told.begun[item_id]} if item_id in told.begun else set())
        photos = items[item_id].photos if item_id in items else ()
        held = next((seed for seed in allowed if seed is not None and _is(photos, seed)), None)
        found = {seed: _finds(registry, item_id, seed) for seed in allowed if seed is not None}
        if not photos:
            outcome.lost += None not in allowed
            outcome.resurrected += sum(found.values())
        else:
            outcome.doubled += len(photos) > 1
            outcome.lost += held is None or found.get(held) != 1
            outcome.doubled += held is not None and found.get(held, 0) > 1
            outcome.resurrected += sum(times for seed, times in found.items() if seed != held)
        told.states[item_id] = held if photos else None
    told.begun.clear()
    registry.close()
    catalogue = Catalogue(f"sqlite:///{folder}/record.db")
    findings = verify(catalogue, Snapshots(folder / "snapshots"), MODELS_VERSION)
    outcome.unverified += not all(finding.agrees for finding in findings)
    with catalogue._database.writing() as connection:
        # As if its time were over: the next process writes snapshots at once, and may be killed amid them.
        connection.execute(text("UPDATE leases SET expires_at = 0"))
    catalogue.close()


def _is_mapped(rows: object) -> bool:
    return isinstance(rows, SealedRows) and rows._source is not None


def _is(photos: Sequence[CataloguePhoto], seed: int) -> bool:
    return any(photo.sha256 == make_new_photo(seed, dimension=DIMENSION).sha256 for photo in photos)


def _finds(registry: Registry, item_id: str, seed: int) -> int:
    """How often a search for that very garment finds the item."""
    query = make_query(make_garment(seed, dimension=DIMENSION), min_score=0.99)
    return sum(hit.item_id == item_id for hit in registry.search(query))


def measure(rounds: int) -> Report:
    """As the issue's table asks."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = drill(Path(folder), rounds)
    report = Report(f"kill -9, {outcome.rounds} times, {WRITERS} writers, {outcome.acknowledged} acknowledged changes")
    for name in ("lost", "doubled", "resurrected"):
        report.add(f"acknowledged changes {name}", "0", str(getattr(outcome, name)), outcome.acknowledged)
    report.add("starts where snapshot and record differ", "0", str(outcome.unverified), outcome.rounds)
    for activity in Activity:
        report.add(f"kills amid {activity.name.lower()}", "> 0", str(outcome.amid[activity]), outcome.rounds)
    report.add("kills amid none of these", "–", str(outcome.amid_none), outcome.rounds)
    report.notes.append(
        "a kill counts in each row of what was under way, in whichever thread; waiting to compact or snapshot is not it"
    )
    report.notes.append(f"{outcome.snapshots} of {outcome.rounds} starts were from a snapshot")
    report.notes.append(f"{outcome.mapped} of {outcome.rounds} starts mapped sealed segments")
    return report


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS).print()
