"""What a row costs alone and in company: `python -m tests.benchmarks.batch_speed [THREADS]`; prints a table."""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from models.manifest import Manifest, read_manifest
from models.runtime.running import Device
from models.runtime.session import OnnxSession
from models.runtime.shipped import MODEL_NAMES, takes_batches
from service.settings import WEIGHTS_DIR

SIZES = (1, 2, 4, 8, 16)
ROUNDS = 12
REGION_BOXES = ((80, 10, 140, 50), (50, 50, 170, 110), (50, 110, 170, 200), (10, 40, 60, 150), (160, 40, 210, 150))


def main() -> None:
    """Median milliseconds of wall and of processor time for each row, one thread unless told; on a GPU if any."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    table = Table("model", "provider", "rows", "wall ms/row", "CPU ms/row", box=None)
    for name in MODEL_NAMES:
        manifest = read_manifest(WEIGHTS_DIR / f"{name}.json")
        session = OnnxSession(WEIGHTS_DIR / manifest.file, device=Device.AUTO, threads=threads)
        for rows in SIZES if takes_batches(manifest) else (1,):
            wall, cpu = _measure(session, _inputs(manifest, rows))
            table.add_row(name, session.provider, str(rows), f"{wall / rows:.1f}", f"{cpu / rows:.1f}")
    Console().print(table)


def _measure(session: OnnxSession, inputs: dict[str, npt.NDArray[np.float32]]) -> tuple[float, float]:
    for _ in range(3):
        session.run(inputs)
    spent = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        session.run(inputs)
        spent.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
    wall_ms, cpu_ms = np.median(spent, axis=0)
    return float(wall_ms), float(cpu_ms)


def _inputs(manifest: Manifest, rows: int) -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    inputs = {}
    for name, shape in manifest.inputs.items():
        inputs[name] = rng.normal(size=[rows, *map(int, shape[1:])]).astype(np.float32)
    if "boxes" in inputs:
        inputs["boxes"] = np.tile(np.asarray(REGION_BOXES, np.float32), (rows, 1, 1))
    return inputs


if __name__ == "__main__":
    main()
