"""Processes of bulk work leave the cores to checks."""

from __future__ import annotations

import os
import subprocess
import sys

LOWERED = """
import threading
import numpy, os
from pathlib import Path
from service.cli.priority import yield_to_checks
done = threading.Event()
threading.Thread(target=done.wait).start()
yield_to_checks()
yield_to_checks()
threading.Thread(target=done.wait).start()
print(*(os.getpriority(os.PRIO_PROCESS, int(path.name)) for path in Path("/proc/self/task").iterdir()))
done.set()
"""


def test_every_thread_is_lowered_once() -> None:
    """Those that were there, libraries' own included, and those that come; never raised."""
    for before in (0, 12):
        wanted = min(19, max(10, os.nice(0) + before))
        code = f"import os; os.nice({before})\n{LOWERED}"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert len(found) >= 3
        assert set(found) == {str(wanted)}
