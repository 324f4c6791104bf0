"""Sealed rows whose fp16 codes lie on a graphics card too, which scans them: a flat scan, exact but for rounding.

FAISS's flat index on a card takes no selection of rows, and every search here has one (tombstones, filters). So the
scan is a graph of four nodes (`deploy/write_scan_graph.py`) that ONNX Runtime runs, as it runs the networks; it gives
the same on a CPU, where the contract suite runs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from index.labels import Flags, Ids
from index.loose_rows import Codes, Floats
from index.segments import SealedRows
from models.runtime.running import Device, Engine
from models.runtime.session import Held, OnnxSession

SCAN_GRAPH = Path(__file__).with_name("flat_scan.onnx")


class DeviceScanner:
    """The graph, loaded once for all rows; safe to call from several threads. See `engine` for what runs it."""

    def __init__(self, device: Device = Device.CUDA) -> None:
        self._session = OnnxSession(SCAN_GRAPH, device=device, threads=1)

    @property
    def engine(self) -> Engine:
        return self._session.engine

    def hold(self, codes: Codes) -> Held:
        """The codes on the device."""
        return self._session.hold(codes)

    def top(self, held: Held, queries: Floats, allowed: Flags, count: int) -> tuple[Floats, Ids]:
        """As `blocks.Rows.top`; `allowed` has one flag a row, `count` is at most their number."""
        asked = {
            "queries": queries.astype(np.float16),
            "allowed": np.ascontiguousarray(allowed),
            "count": np.array([count], dtype=np.int64),
        }
        scores, numbers = self._session.run_bound(asked, {"rows": held})
        return scores, np.where(np.isneginf(scores), -1, numbers)


class DeviceRows(SealedRows):
    """Rows that are scanned on the device in half precision and scored by their codes in memory."""

    refined = True

    def __init__(self, scanner: DeviceScanner, codes: Codes, source: Any = None) -> None:
        super().__init__(codes, source)
        self.parts = (slice(0, len(codes)),)
        self._scanner = scanner
        self._held = scanner.hold(self._codes)

    def top(self, queries: Floats, allowed: Flags | None, count: int, part: int = 0) -> tuple[Floats, Ids]:
        """As `blocks.Rows` says."""
        del part
        flags = np.ones(len(self), dtype=np.bool_) if allowed is None else allowed
        return self._scanner.top(self._held, queries, flags, min(count, len(self)))
