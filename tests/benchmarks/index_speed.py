"""Speed and memory of the index alone, on random embeddings: `python -m tests.benchmarks.index_speed [ITEMS]`."""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import track

from index.catalogue import Catalogue
from index.registry import Registry
from index.types import ItemDetails, NewPhoto
from models.taxonomy import Category
from tests.benchmarks.tables import Report, milliseconds
from tests.factories import (
    MODELS_VERSION,
    SLEEVELESS,
    alter_regions,
    make_embeddings,
    make_garment,
    make_new_photo,
    make_photo_bytes,
    make_query,
    make_weights,
)

ITEMS = 10_000
SEARCHES = 200
ADDS = 100
MASKS = (31, 31, 31, SLEEVELESS, 15, 23)


def measure(items: int, folder: Path) -> Report:
    """Fill a record, load it, search it and add to it."""
    report = Report(f"Index, {items:,} items of 5 × 128 numbers")
    fill(folder, items)
    started = time.perf_counter()
    before = memory_mb()
    registry = Registry(url_of(folder), folder, MODELS_VERSION)
    registry.start()
    report.add("start to ready", "≤ 5 s", f"{time.perf_counter() - started:.2f} s", items)
    report.add("memory of the loaded index", "", f"{memory_mb() - before:.0f} MB more", items)
    for top_k in (20, 200):
        seconds = [timed_search(registry, seed, items, top_k) for seed in range(SEARCHES)]
        report.add(f"search, top {top_k}, records included", "", milliseconds(seconds), SEARCHES)
    seconds = [timed_add(registry, seed) for seed in range(items, items + ADDS)]
    report.add("add, one thread", "", f"{milliseconds(seconds)}, {1 / np.mean(seconds):.0f}/s", ADDS)
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda seed: timed_add(registry, seed), range(items + ADDS, items + 4 * ADDS)))
    report.add("add, eight threads", "", f"{3 * ADDS / (time.perf_counter() - started):.0f}/s", 3 * ADDS)
    registry.close()
    size_mb = (folder / "record.db").stat().st_size / 2**20
    report.notes.append(f"the record takes {size_mb:.0f} MB; other work ran on this machine")
    return report


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/record.db"


def photo_of(seed: int) -> NewPhoto:
    categories = list(Category)
    details = ItemDetails(seller_id=f"seller-{seed % 100}", title=f"Garment {seed}", metadata={"size": seed % 50})
    return make_new_photo(
        seed, details=details, mask=MASKS[seed % len(MASKS)], category=categories[seed % len(categories)]
    )


def fill(folder: Path, items: int) -> None:
    """Straight into the record: the photos' bytes are not what is measured."""
    catalogue = Catalogue(url_of(folder))
    for seed in track(range(items), "filling the record", transient=True):
        catalogue.add(photo_of(seed))
    catalogue.close()


def timed_search(registry: Registry, seed: int, items: int, top_k: int) -> float:
    """Seconds of a search for an altered copy, which has to come first."""
    original = int(np.random.default_rng(seed).integers(items))
    copy = alter_regions(make_embeddings(original, MASKS[original % len(MASKS)]), [], seed, noise=0.3)
    query = make_query(make_garment(seed, embeddings=copy), make_weights(seed), top_k=top_k, least_weight=0.0)
    started = time.perf_counter()
    hits = registry.search(query)
    seconds = time.perf_counter() - started
    assert hits[0].item_id == f"SKU-{original}"
    return seconds


def timed_add(registry: Registry, seed: int) -> float:
    data = make_photo_bytes(seed) * 500
    photo = replace(photo_of(seed), sha256=hashlib.sha256(data).hexdigest())
    started = time.perf_counter()
    registry.add(photo, data)
    return time.perf_counter() - started


def memory_mb() -> float:
    """Resident memory of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS, Path(scratch)).print()
