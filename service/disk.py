"""Read-only before the disk is full: registering stops while there is still room for what runs; checks go on."""

from __future__ import annotations

import shutil
from pathlib import Path

from service.errors import ReadOnly


class DiskGuard:
    """Looks at the free space of a folder whenever it is asked: a system call of microseconds."""

    def __init__(self, folder: Path, least_free_bytes: int) -> None:
        self._folder = folder
        self._least_free_bytes = least_free_bytes

    @property
    def read_only(self) -> bool:
        return self.free_bytes() < self._least_free_bytes

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def require_room(self) -> None:
        """Raises ReadOnly."""
        if self.read_only:
            raise ReadOnly(
                f"less than {self._least_free_bytes / 1e6:.0f} MB are free: nothing is registered until there is room; "
                "checks go on"
            )
