"""The drill of `tests.benchmarks.index_kill`, a few rounds of it, and how it knows what a kill fell into."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.index_kill import ROOT, drill
from tests.benchmarks.kill_moments import Activity, under_way


def test_kill_9_amid_adds_deletes_sealing_compaction_and_snapshots(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, doubled or resurrected, and the snapshot always fits the record."""
    outcome = drill(tmp_path, rounds=3, seed=1)
    assert outcome.acknowledged > 0
    assert outcome.amid.total() > 0
    assert (outcome.lost, outcome.doubled, outcome.resurrected, outcome.unverified) == (0, 0, 0, 0)


def test_what_a_process_was_amid_is_known_once_it_was_killed(tmp_path: Path) -> None:
    """What had ended by then is not counted, however often it was done."""
    code = f"""
import os
from pathlib import Path
from tests.benchmarks.kill_moments import Activity, Moments
moments = Moments(Path({str(tmp_path / "moments")!r}))
with moments.amid(Activity.SEALING), moments.amid(Activity.SNAPSHOTTING):
    with moments.amid(Activity.DELETING), moments.amid(Activity.SEALING):
        pass
    os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert under_way(tmp_path / "moments") == {Activity.SEALING, Activity.SNAPSHOTTING}
