"""What 10 million to a billion garments cost, from measured bytes: `python -m tests.benchmarks.scaling_costs`.

Prints the tables of docs/scaling.md and draws its plot. Nothing is measured here: every number below says where it is
from, or that it is assumed; a larger catalogue is the smaller one multiplied, since all of it grows in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PICTURE = Path(__file__).resolve().parents[2] / "docs/images/scaling-costs.png"
SIZES = (10_000_000, 100_000_000, 1_000_000_000)
DRAWN = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000)

# Measured: docs/index.md.
FP16_BYTES, SQ8_BYTES, SQ8_DISK_BYTES = 1_275, 655, 1_240
FP16_US = 0.0705
"""Processor time a garment and orientation, in microseconds: 141 ms for both orientations of a million, bare scan."""
START_S, SQ8_START_S = 0.18e-6, 4.2e-6
"""From a snapshot, a garment, without prints: 0.18 s at a million; with `sq8` all vectors are read and encoded."""

# Measured: tests.benchmarks.print_speed.
PRINT_BYTES = 88
"""Two hashes and three numbers; room to grow can double it."""
PRINTS_START_S = 5.2e-6
"""Processor time of reading one: 1.0 s for 200,000 from SQLite, at load 15."""
PRINTS_US = 0.06
"""Processor time a photo of a check with one garment, 16 hashes: 12 ms for 200,000, at load 15."""

# Measured: tests.benchmarks.scaling_measures.
RECORD_BYTES = 8_057
"""PostgreSQL, tables and indexes."""
MILVUS_BUILT_A_SECOND = 1_561
"""Milvus Lite; what a cluster takes in is not known here."""

FP32_US = 0.15
"""Flat float32 scan of 640 numbers by FAISS, one thread: 0.12 to 0.19 at load 14, where fp16 rows took 0.06."""

# By construction: index/milvus_collections.py.
MILVUS_ROW_BYTES = 5 * 128 * 4 + 8 * 8
"""640 float32 numbers, eight scalars of eight bytes."""

# Assumed.
PHOTO_BYTES = 250_000
"""Of one registered photo; those of shared/data are 32,000 on average, phones make 2,000,000."""
MEMORY_OVERHEAD = 1.25
"""What a Milvus query node needs beside the vectors; also room for its growing segments."""
COPIES_ON_DISK = 2
"""In Milvus's object store: the rows as they came, and the segments that are searched."""
USED_OF_MACHINE = 0.7
MACHINE_BYTES = 256e9
ORIENTATIONS = 2
ANSWER_S = 0.5
"""In which a check's search is to be done, so that its cores can be counted."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the table: what it is called, and how it follows from the number of garments."""

    name: str
    of: Callable[[int], str]


def size(held: float) -> str:
    """Bytes as a person says them, two digits that count."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if held >= unit:
            return f"{held / unit:,.1f} {name}" if held < 10 * unit else f"{held / unit:,.0f} {name}"
    return f"{held / 1e6:,.0f} MB"


def seconds(held: float) -> str:
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if held >= unit:
            return f"{held / unit:,.1f} {name}"
    return f"{held:,.1f} s"


def machines(held: float) -> str:
    """Of 256 GB, of which seven tenths are used."""
    return f"{max(1, -(-held // (MACHINE_BYTES * USED_OF_MACHINE))):,.0f}"


def milvus_memory(garments: int) -> float:
    return garments * MILVUS_ROW_BYTES * MEMORY_OVERHEAD


def scan_s(garments: int, microseconds: float) -> float:
    """Processor time of one check's search, every garment looked at."""
    return garments * ORIENTATIONS * microseconds / 1e6


def cores(garments: int, microseconds: float) -> str:
    return f"{max(1, scan_s(garments, microseconds) / ANSWER_S):,.0f}"


OWN = (
    Cost("memory, `fp16`", lambda n: size(n * FP16_BYTES)),
    Cost("memory, `sq8` (and on disk)", lambda n: f"{size(n * SQ8_BYTES)} ({size(n * SQ8_DISK_BYTES)})"),
    Cost("machines of 256 GB, `fp16`, each replica", lambda n: machines(n * FP16_BYTES)),
    Cost("start from a snapshot, prints apart", lambda n: seconds(n * START_S)),
    Cost("the same with `sq8`", lambda n: seconds(n * SQ8_START_S)),
    Cost("processor time of a search", lambda n: seconds(scan_s(n, FP16_US))),
    Cost("cores that answer one in 0.5 s", lambda n: cores(n, FP16_US)),
)
MILVUS = (
    Cost("memory of the query nodes", lambda n: size(milvus_memory(n))),
    Cost("machines of 256 GB", lambda n: machines(milvus_memory(n))),
    Cost("disk, object store", lambda n: size(n * MILVUS_ROW_BYTES * COPIES_ON_DISK)),
    Cost("processor time of a search", lambda n: seconds(scan_s(n, FP32_US))),
    Cost("cores that answer one in 0.5 s", lambda n: cores(n, FP32_US)),
    Cost("built from the record at Milvus Lite's pace", lambda n: seconds(n / MILVUS_BUILT_A_SECOND)),
    Cost("built at 20,000 garments a second, assumed", lambda n: seconds(n / 20_000)),
)
BOTH = (
    Cost("prints, memory in each service", lambda n: size(n * PRINT_BYTES)),
    Cost("prints, read at each start", lambda n: seconds(n * PRINTS_START_S)),
    Cost("prints, processor time of a check", lambda n: seconds(n * PRINTS_US / 1e6)),
    Cost("record, PostgreSQL", lambda n: size(n * RECORD_BYTES)),
    Cost("photos of 250 kB", lambda n: size(n * PHOTO_BYTES)),
)


def table(title: str, costs: tuple[Cost, ...]) -> str:
    """Markdown."""
    lines = [f"| {title} | " + " | ".join(f"{n:,}" for n in SIZES) + " |", "|---" * (1 + len(SIZES)) + "|"]
    lines += [f"| {cost.name} | " + " | ".join(cost.of(n) for n in SIZES) + " |" for cost in costs]
    return "\n".join(lines)


def draw(picture: Path) -> None:
    """Memory and processor time against garments, both logarithmic."""
    figure, (memory, time) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    memory.plot(DRAWN, [n * FP16_BYTES / 1e9 for n in DRAWN], "o-", label="Selvedge, fp16")
    memory.plot(DRAWN, [n * SQ8_BYTES / 1e9 for n in DRAWN], "s--", label="Selvedge, sq8")
    memory.plot(DRAWN, [milvus_memory(n) / 1e9 for n in DRAWN], "^-", label="Milvus, float32")
    memory.axhline(MACHINE_BYTES * USED_OF_MACHINE / 1e9, color="grey", linewidth=1)
    memory.text(DRAWN[0], 1.15 * MACHINE_BYTES * USED_OF_MACHINE / 1e9, "a machine of 256 GB", fontsize=8, color="grey")
    memory.set_title("Memory of the vectors (GB)", fontsize=10)
    time.plot(DRAWN, [scan_s(n, FP16_US) for n in DRAWN], "o-", label="Selvedge, fp16")
    time.plot(DRAWN, [scan_s(n, FP32_US) for n in DRAWN], "^-", label="Milvus, float32")
    time.set_title("Processor time of one search, both orientations (s)", fontsize=10)
    for axis in (memory, time):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("garments")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    for title, costs in (("In each service", OWN), ("In Milvus", MILVUS), ("Beside either", BOTH)):
        print(table(title, costs), end="\n\n")
    draw(PICTURE)
