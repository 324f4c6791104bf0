"""The drills themselves, small: they pass on this service, and they can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.drills import (
    full_disk,
    index_swap,
    kill_nine,
    model_file,
    postgres_faults,
    read_only,
    redis_faults,
    replicas,
    restore,
    rolling_upgrade,
    snapshot_faults,
    soak,
)
from deploy.drills.photos import garment, pattern
from deploy.drills.report import DrillReport
from models.preprocessing import ImageLimits, decode
from tests.fakes import FakeDescriber
from tests.postgres import find_postgres


def test_a_drill_is_good_only_where_every_step_is() -> None:
    """And where there was any."""
    report = DrillReport("a drill")
    verdicts = [report.good]
    for found in (1, 3, 1):
        report.add("one", "1", found, found == 1)
        verdicts.append(report.good)
    assert verdicts == [False, True, False, False]


def test_every_check_is_served_and_correct_whatever_redis_does(tmp_path: Path) -> None:
    """Killed, started again, slow, hanging."""
    report = redis_faults.drill(tmp_path, 6)
    assert report.good, [step for step in report.steps if not step.good]


def test_a_full_disk_loses_nothing() -> None:
    """On a small disk of the drill's own."""
    code = full_disk.in_own_namespace()
    if code == full_disk.NOT_ALLOWED:
        pytest.skip("no tmpfs can be mounted here")
    assert code == 0


def test_a_damaged_model_file_is_told_and_the_right_one_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the shipped networks; the other faults of the drill are the command's."""
    name = "one bit flipped in embedder.onnx"
    monkeypatch.setattr(model_file, "FAULTS", {name: model_file.FAULTS[name]})
    report = model_file.drill(tmp_path)
    assert report.good, [step for step in report.steps if not step.good]


def test_nothing_acknowledged_is_lost_doubled_or_resurrected_by_kill_nine(tmp_path: Path) -> None:
    """Twice a dozen adds; docs/reliability.md has the fifty times a hundred."""
    report = kill_nine.drill(tmp_path, 2, 12, pattern, fake_models=True)
    assert report.good, [step for step in report.steps if not step.good]


def test_a_database_that_goes_and_comes_costs_no_restart_and_no_wrong_answer(tmp_path: Path) -> None:
    """Stopped, started again, slow."""
    if find_postgres() is None:
        pytest.skip("no PostgreSQL here (apt-get install postgresql)")
    report = postgres_faults.drill(tmp_path, 6)
    assert report.good, [step for step in report.steps if not step.good]


def test_a_damaged_snapshot_never_makes_an_answer_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault; the others are the command's."""
    name = "vectors overwritten"
    monkeypatch.setattr(snapshot_faults, "FAULTS", {name: snapshot_faults.FAULTS[name]})
    report = snapshot_faults.drill(tmp_path, 12)
    assert report.good, [step for step in report.steps if not step.good]


def test_a_data_dir_is_what_it_was_once_its_backup_is_restored(tmp_path: Path) -> None:
    """Items, photos, checks and keys; docs/reliability.md has the times."""
    report = restore.drill(tmp_path, 12, pattern, fake_models=True)
    assert report.good, [step for step in report.steps if not step.good]


@pytest.mark.skipif(not read_only.can_harden(), reason="mounting needs root and util-linux")
def test_nothing_but_the_data_dir_and_tmp_needs_to_be_written(tmp_path: Path) -> None:
    """Without capabilities, as in the containers."""
    report = read_only.drill(tmp_path, 3, pattern, fake_models=True)
    assert report.good, [step for step in report.steps if not step.good]


def test_no_check_is_lost_while_the_index_is_swapped(tmp_path: Path) -> None:
    """By writes of another process and by new models; how long it takes is the command's to say."""
    report = index_swap.drill(tmp_path, 12, 1.5, most_ratio=float("inf"))
    assert report.good, [step for step in report.steps if not step.good]


def test_what_one_replica_acknowledges_another_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite, and not within a second here, where other tests keep the cores busy; PostgreSQL is the command's."""
    monkeypatch.setattr(replicas, "FOUND_WITHIN_S", 20.0)
    monkeypatch.setattr(replicas, "find_postgres", lambda: None)
    report = replicas.drill(tmp_path, 3)
    assert len(report.steps) == 2
    assert report.good, [step for step in report.steps if not step.good]


def test_drill_photos_differ_by_their_seed() -> None:
    """The drawn ones in their bytes alone."""
    assert len({pattern(seed) for seed in range(20)}) == 20
    one, other = garment(1), garment(25)
    assert one != other
    assert (decode(one, ImageLimits()).pixels == decode(other, ImageLimits()).pixels).all()


def test_a_short_soak_has_no_errors_and_keeps_count(tmp_path: Path) -> None:
    """Seconds say nothing of memory: docs/reliability.md has the twenty minutes."""
    report = soak.drill(tmp_path, FakeDescriber(), 30, 0.1, tmp_path / "memory.png")
    assert [step for step in report.steps if not step.good and not step.name.startswith("memory")] == []
    assert (tmp_path / "memory.png").stat().st_size > 0


def test_growth_is_seen_once_all_is_warm() -> None:
    """A start that takes memory once is none; a slope is told an hour."""
    steady = [(60.0 * n, 300.0 if n else 100.0) for n in range(40)]
    assert soak.growth(steady) == pytest.approx((300.0, 300.0, 0.0))
    early, late, slope = soak.growth([(60.0 * n, 300.0 + n) for n in range(40)])
    assert slope == pytest.approx(60.0)
    assert late - early == pytest.approx(10.0)


def test_a_release_is_replaced_under_load(tmp_path: Path) -> None:
    """By itself, where no earlier one is at hand: the revision stays; docs/reliability.md has two that differ."""
    try:
        report = rolling_upgrade.drill(tmp_path, "HEAD", 2.0)
    except RuntimeError as error:
        pytest.skip(f"no repository here: {error}")
    assert [step for step in report.steps if not step.good and "revision" not in step.name] == []
