"""Figures of `index_scale`, kept in `var/` for `index_growth_plot`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tests.benchmarks.index_embeddings import KEPT_IN

FIGURES = KEPT_IN.with_name("index-growth.json")


@dataclass(slots=True)
class Growth:
    """Figures of one size: milliseconds, seconds and bytes; `load` is the machine's, processes that wanted to run.

    `one`, `both`: a bare scan of the vectors, by orientations. `whole`: a search in both with exact scores and the
    record's rows. `add`: to the vectors in memory, nothing else. `durable_add`, `delete`: acknowledged by a registry.
    """

    garments: int
    storage: str
    load: float = 0.0
    bytes_each: float = 0.0
    started_bytes_each: float = 0.0
    one_ms: float = 0.0
    one_cpu_ms: float = 0.0
    both_ms: float = 0.0
    both_cpu_ms: float = 0.0
    whole_ms: float = 0.0
    whole_cpu_ms: float = 0.0
    beside_writes_ms: float = 0.0
    whole_beside_writes_ms: float = 0.0
    add_ms: float = 0.0
    durable_add_ms: float = 0.0
    delete_ms: float = 0.0
    adds_a_second: float = 0.0
    start_s: float = 0.0
    start_cpu_s: float = 0.0


def keep(growth: Growth) -> None:
    """In place of what was measured of this size and storage before."""
    held = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    held[f"{growth.storage} {growth.garments}"] = asdict(growth)
    FIGURES.write_text(json.dumps(held, indent=1))
