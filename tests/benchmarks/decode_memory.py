"""`python -m tests.benchmarks.decode_memory`: what a decoder takes for the largest photos that it may be sent."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.errors import ImageError
from models.preprocessing import ImageLimits
from service.decoding.decoders import DecoderPool
from service.decoding.process import DecodeLimits
from tests.hostile.large import large_photos
from tests.photos import photo

_SETTLE_S = 0.5
"""Memory is given back after the answer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: python -m tests.benchmarks.decode_memory")
    parser.add_argument("--limit", type=int, default=4_000, help="decode_memory_mb of the decoder")
    limit = parser.parse_args().limit
    table = Table("photo", "bytes", "answer", "before MB", "peak MB", "pixels MB", "after MB", "address space +MB")
    for name, make in track(large_photos().items(), "photos", transient=True):
        table.add_row(name, *_row(make(), limit))
    Console(width=140).print(table)


def _row(data: bytes, limit_mb: int) -> tuple[str, ...]:
    """Of a decoder of its own, that has seen a small photo; peak and after are what is resident of the process."""
    pool = DecoderPool(1, DecodeLimits(ImageLimits(), 1_000, 60.0, limit_mb * 1_000_000))
    try:
        pool.decode(photo(1))
        (pid,) = pool.pids
        before = _status(pid)
        try:
            image = pool.decode(data)
            said, pixels = f"{image.width}×{image.height}", image.pixels.nbytes / 1e6
        except ImageError as error:
            said, pixels = type(error).__name__, 0.0
        time.sleep(_SETTLE_S)
        after = _status(pid)
    finally:
        pool.close()
    top = after["VmPeak"] - before["VmSize"]
    figures = (before["VmRSS"], after["VmHWM"], pixels, after["VmRSS"], top)
    return (f"{len(data):,}", said, *(f"{figure:.0f}" for figure in figures))


def _status(pid: int) -> dict[str, float]:
    """MB by name."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.endswith("kB"))
    return {name.rstrip(":"): int(count) * 1.024e-3 for name, count, _ in lines}


if __name__ == "__main__":
    main()
