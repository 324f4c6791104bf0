"""`python -m tests.benchmarks.decode_speed`: what decoding apart costs, beside decoding in this process."""

from __future__ import annotations

import argparse
import io
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.preprocessing import ImageLimits
from service.decoding.decoders import DecoderPool, InProcessDecoder, PhotoDecoder
from service.decoding.process import DecodeLimits

_LIMITS = DecodeLimits(ImageLimits(), 1_000, 30.0, 2_000_000_000)
_SIZES = {"1 megapixel": (1_000, 1_000), "12 megapixels": (4_000, 3_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: python -m tests.benchmarks.decode_speed")
    parser.add_argument("--photos", type=int, default=200)
    count = parser.parse_args().photos
    table = Table(
        "JPEG", "bytes", "here p50 ms", "apart p50 ms", "difference", "here CPU ms", "apart CPU ms", "difference"
    )
    here, apart = InProcessDecoder(_LIMITS), DecoderPool(1, _LIMITS)
    for name, (width, height) in _SIZES.items():
        data = _photo(width, height)
        apart.decode(data)
        rounds = count if width * height < 2_000_000 else max(3, count // 10)
        # In turns, so that whatever else the machine does meets both alike.
        pairs = [(_timed(here, data), _timed(apart, data)) for _ in track(range(rounds), name, transient=True)]
        first, second = (np.array(column) * 1e3 for column in zip(*pairs, strict=True))
        spent = [_processor_ms(decoder, data, rounds) for decoder in (here, apart)]
        figures = (np.median(first), np.median(second), np.median(second - first), *spent, spent[1] - spent[0])
        table.add_row(name, str(len(data)), *(f"{figure:.1f}" for figure in figures))
    apart.close()
    Console(width=120).print(table)


def _timed(decoder: PhotoDecoder, data: bytes) -> float:
    started = time.perf_counter()
    pixels = decoder.decode(data).pixels
    # Whoever looks at a photo reads all of it: pages that are only mapped are not there yet.
    pixels[::16, ::16].sum()
    return time.perf_counter() - started


def _processor_ms(decoder: PhotoDecoder, data: bytes, rounds: int) -> float:
    """Processor time a photo, the decoder's process included: what a busy machine does not distort."""
    pids = decoder.pids if isinstance(decoder, DecoderPool) else ()

    def spent_s() -> float:
        ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in pids]
        return time.process_time() + sum(int(tick) for both in ticks for tick in both) / os.sysconf("SC_CLK_TCK")

    started = spent_s()
    for _ in range(rounds):
        _timed(decoder, data)
    return (spent_s() - started) / rounds * 1e3


def _photo(width: int, height: int) -> bytes:
    """Smooth noise, which compresses like a photo."""
    small = np.random.default_rng(1).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    PillowImage.fromarray(small).resize((width, height), PillowImage.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


if __name__ == "__main__":
    main()
