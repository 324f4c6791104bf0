"""How full blocks are sealed: which kind of rows a setting asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from index.device_rows import DeviceRows, DeviceScanner
from index.loose_rows import Codes
from index.segments import QuantisedRows, SealedRows
from index.types import Storage
from models.runtime.running import Engine


@dataclass(frozen=True, slots=True)
class Sealing:
    """`fresh` seals codes in memory; `mapped` those of a snapshot's file, whose owner is the second argument."""

    fresh: Callable[[Codes], SealedRows]
    mapped: Callable[[Codes, Any], SealedRows]
    engines: tuple[Engine, ...] = ()


def sealing(storage: Storage, folder: Path | None = None, scanner: DeviceScanner | None = None) -> Sealing:
    """`folder`: where a file may take what is not kept in memory; None for the system's own.

    With `gpu` the scanner is loaded unless given; where no card runs it, rows are kept as `fp16` says, and `engines`
    tells of it.
    """
    if storage is Storage.SQ8:
        return Sealing(partial(QuantisedRows.spilled, folder=folder), QuantisedRows)
    if storage is Storage.GPU:
        loaded = scanner or DeviceScanner()
        if scanner is None and loaded.engine.fell_back:
            return Sealing(SealedRows, SealedRows, (loaded.engine,))
        on_device = partial(DeviceRows, loaded)
        return Sealing(on_device, on_device, (loaded.engine,))
    return Sealing(SealedRows, SealedRows)
