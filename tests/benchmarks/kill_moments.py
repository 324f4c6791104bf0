"""What a process is in the midst of, in a file of a few bytes that outlives it: a counter for each activity."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path


class Activity(IntEnum):
    """The place of its byte."""

    ADDING = 0
    DELETING = 1
    SEALING = 2
    COMPACTING = 3
    SNAPSHOTTING = 4


class Moments:
    """Written by the process that will be killed, by any of its threads: the mapped page is the kernel's, and stays."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(len(Activity)))
        with path.open("r+b") as file:
            self._held = mmap.mmap(file.fileno(), len(Activity))
        self._counting = threading.Lock()

    @contextmanager
    def amid(self, activity: Activity) -> Iterator[None]:
        """Count this thread among those that are at it, for as long as the block lasts."""
        self._count(activity, 1)
        try:
            yield
        finally:
            self._count(activity, -1)

    def _count(self, activity: Activity, by: int) -> None:
        with self._counting:
            self._held[activity] += by


def under_way(path: Path) -> set[Activity]:
    """What was going on when the process ended."""
    return {activity for activity, threads in zip(Activity, path.read_bytes(), strict=True) if threads}
