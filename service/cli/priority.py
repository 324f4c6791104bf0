"""Bulk work behind checks, where both are processes of one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

NICENESS = 10
"""Leaves a busy core to a process of niceness 0 nine times out of ten; on an idle one nothing changes."""


def yield_to_checks() -> None:
    """Lower the priority of this process to `NICENESS`, unless it is lower; processes that it starts inherit that.

    Linux keeps it for each thread, and the libraries that are loaded by now have started some.
    """
    os.nice(max(0, NICENESS - os.nice(0)))
    for thread in _threads():
        try:
            os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
        except ProcessLookupError:
            pass  # it has ended meanwhile


def _threads() -> Iterator[int]:
    """Ids of all threads of this process; none where the system does not list them."""
    listed = Path("/proc/self/task")
    return (int(path.name) for path in (listed.iterdir() if listed.is_dir() else ()))
