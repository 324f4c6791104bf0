"""The drill of `tests.benchmarks.index_kill`, a few rounds of it."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.index_kill import drill


def test_kill_9_amid_adds_deletes_sealing_compaction_and_snapshots(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, doubled or resurrected, and the snapshot always fits the record."""
    outcome = drill(tmp_path, rounds=3, seed=1)
    assert outcome.acknowledged > 0
    assert (outcome.lost, outcome.doubled, outcome.resurrected, outcome.unverified) == (0, 0, 0, 0)
