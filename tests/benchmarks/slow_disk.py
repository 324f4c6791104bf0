"""Runs a module of the benchmarks as if on a slower disk: its syncs are made, and then take longer (`slow_disk.c`)."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_disk.c")


def compile_slow_disk(folder: Path) -> Path | None:
    """The library, in a folder that other users may read (PostgreSQL runs as one); None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    folder.chmod(0o755)
    library = folder / "slow_disk.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def run_slowly(library: Path, longer_ms: float, module: str, arguments: Sequence[str]) -> str:
    """What the module prints, run in a process whose every fsync and fdatasync takes so much longer."""
    surroundings = os.environ | {"LD_PRELOAD": str(library), "SLOW_DISK_MS": str(longer_ms)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=surroundings, stdout=subprocess.PIPE, text=True, check=True).stdout


def syncs_counted() -> int:
    """How many syncs of this process passed through the library; 0 where it is not loaded."""
    try:
        return int(ctypes.CDLL(None).slow_disk_syncs())
    except AttributeError:
        return 0
