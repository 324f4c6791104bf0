"""Read-only before the disk is full: registering stops while there is still room for what runs; checks go on."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from prometheus_client import Gauge

from service.errors import ReadOnly

_LOOK_EVERY_S = 0.5


class DiskGuard:
    """Looks at the free space of a folder, at most twice a second."""

    def __init__(self, folder: Path, least_free_bytes: int, read_only: Gauge | None = None) -> None:
        self._folder = folder
        self._least_free_bytes = least_free_bytes
        self._gauge = read_only
        self._looked_at = float("-inf")
        self._read_only = False

    @property
    def read_only(self) -> bool:
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._read_only = self.free_bytes() < self._least_free_bytes
            if self._gauge is not None:
                self._gauge.set(self._read_only)
        return self._read_only

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def require_room(self) -> None:
        """Raises ReadOnly."""
        if self.read_only:
            raise ReadOnly(
                f"less than {self._least_free_bytes / 1e6:.0f} MB are free: nothing is registered until there is room; "
                "checks go on"
            )
