"""kill -9 at any moment: what was acknowledged is there once, what was not is there as a whole or not at all."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

from index.errors import IndexUnavailable
from index.registry import Registry
from index.types import ItemDetails
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 4
ITEMS = 12


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/record.db"


def write_without_end(folder: Path, first: int) -> None:
    """Runs in a process of its own: add, replace, add again; a line for each acknowledged write."""
    registry = Registry(url_of(folder), folder, MODELS_VERSION)
    registry.start()
    seed = first
    while True:
        item_id = f"SKU-{seed % ITEMS}"
        photo = make_new_photo(seed, item_id, replace=seed % 2 == 0, details=ItemDetails(title=str(seed)))
        added = registry.add(photo, make_photo_bytes(seed))
        print(seed, added.sequence, flush=True)
        seed += 1


def run_and_kill(folder: Path, first: int, writes: int) -> list[tuple[int, int]]:
    """(seed, sequence) of the writes that were acknowledged before SIGKILL."""
    code = f"from tests.index.test_durability import *; write_without_end(Path({str(folder)!r}), {first})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines: list[str] = [process.stdout.readline() for _ in range(writes)]
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(int(seed), int(sequence)) for seed, sequence in whole]


def photos_after(writes: int) -> dict[str, list[int]]:
    """The photos of every item once the first so many writes are done, by the plain rules."""
    items: dict[str, list[int]] = {}
    for seed in range(writes):
        held = items.setdefault(f"SKU-{seed % ITEMS}", [])
        if seed % 2 == 0:
            held.clear()
        held.append(seed)
    return items


def photos_held(registry: Registry) -> dict[str, list[int]]:
    """The photos of every item by their bytes; each is searched and found exactly where it belongs."""
    seed_of = {make_new_photo(seed).sha256: seed for seed in range(2000)}
    items = {item.item_id: [seed_of[photo.sha256] for photo in item.photos] for item in registry.list(limit=100).items}
    for item_id, seeds in items.items():
        for photo, seed in zip(registry.get(item_id).photos, seeds, strict=True):
            assert registry.photo_bytes(item_id, photo.photo_id) == make_photo_bytes(seed)
            hits = registry.search(make_query(make_garment(seed), min_score=0.9))
            assert [(hit.item_id, hit.photo_id) for hit in hits] == [(item_id, photo.photo_id)]
    return items


def test_no_acknowledged_write_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    """Round after round on the same record; one write beyond the acknowledged ones may have been committed."""
    random_ = random.Random(7)
    done = 0
    for _ in range(ROUNDS):
        acknowledged = run_and_kill(tmp_path, done, writes=random_.randint(3, 40))
        assert acknowledged[0] == (done, done + 1), "nothing was lost before, and each write is one change"
        done = acknowledged[-1][0] + 1
        registry = Registry(url_of(tmp_path), tmp_path, MODELS_VERSION)
        registry.start()
        assert registry.sequence in (done, done + 1)
        done = registry.sequence
        held = photos_held(registry)
        assert held == photos_after(done)
        assert registry.stats().searchable == sum(len(seeds) for seeds in held.values())
        registry.close()


def write_until_full(folder: Path) -> None:
    """Runs in a process of its own, whose files may not grow past a limit; prints what it acknowledged."""
    registry = Registry(url_of(folder), folder, MODELS_VERSION)
    registry.start()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    refused = 0
    seed = 0
    while refused < 3:
        try:
            registry.add(make_new_photo(seed, f"SKU-{seed}"), make_photo_bytes(seed))
            seed += 1
        except IndexUnavailable:
            refused += 1
    still_found = registry.search(make_query(make_garment(seed - 1), min_score=0.9))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    registry.add(make_new_photo(seed, f"SKU-{seed}"), make_photo_bytes(seed))
    print(seed + 1, [hit.item_id for hit in still_found] == [f"SKU-{seed - 1}"])


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """Refused as IndexUnavailable while there is no room; searches go on; then all goes on as if nothing had been."""
    code = f"from tests.index.test_durability import *; write_until_full(Path({str(tmp_path)!r}))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    count, still_found = said.stdout.split()
    assert still_found == "True"
    registry = Registry(url_of(tmp_path), tmp_path, MODELS_VERSION)
    registry.start()
    assert photos_held(registry) == {f"SKU-{seed}": [seed] for seed in range(int(count))}
    assert int(count) > 5
    registry.close()
