"""One holder at a time, by the database's clock, and nothing is published by whoever has lost it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.catalogue import Catalogue
from index.errors import LeaseHeld, LeaseLost
from index.live import LiveIndex
from index.manifest import Manifest, Moment
from index.registry import Registry
from index.shards import Shards
from index.snapshot import Snapshots
from tests.factories import MODELS_VERSION, make_new_photo, make_photo_bytes

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 1.5


@pytest.fixture
def catalogue(record_url: str) -> Iterator[Catalogue]:
    opened = Catalogue(record_url)
    yield opened
    opened.close()


def test_a_lease_has_one_holder_and_a_token_that_only_grows(catalogue: Catalogue, record_url: str) -> None:
    """Whoever comes second is told who has it; given back it is the next one's."""
    other = Catalogue(record_url)
    first = catalogue.leases.take("work", "A", 60)
    with pytest.raises(LeaseHeld, match="A holds work"):
        other.leases.take("work", "B", 60)
    assert other.leases.take("other work", "B", 60).token == 1
    catalogue.leases.renew(first, 60)
    catalogue.leases.give_back(first)
    second = other.leases.take("work", "B", 60)
    assert (first.token, second.token) == (1, 2)
    catalogue.leases.give_back(first)
    other.leases.renew(second, 60)
    other.close()


def test_a_lease_that_ran_out_is_lost_though_nobody_took_it(catalogue: Catalogue) -> None:
    """It can be neither renewed nor published under."""
    lease = catalogue.leases.take("work", "A", 0.05)
    time.sleep(0.1)
    with pytest.raises(LeaseLost):
        catalogue.leases.renew(lease, 60)
    with pytest.raises(LeaseLost), catalogue.leases.fenced(lease):
        pytest.fail("the block must not run")


def test_what_is_held_is_renewed_and_given_back(catalogue: Catalogue) -> None:
    """For as long as the block takes."""
    with catalogue.leases.holding("work", 1.5) as held:
        time.sleep(3.2)
        held.check()
        with held.fenced():
            pass
        with pytest.raises(LeaseHeld):
            catalogue.leases.take("work", "B", 60)
    assert catalogue.leases.take("work", "B", 60).token == held.token + 1


def test_only_one_of_many_gets_it(record_url: str, catalogue: Catalogue) -> None:
    """They ask at the same moment, each over connections of its own."""
    catalogues = [Catalogue(record_url) for _ in range(6)]
    together, got = threading.Barrier(len(catalogues)), []

    def ask(one: Catalogue) -> None:
        together.wait()
        try:
            got.append(one.leases.take("work", "x", 60).token)
        except LeaseHeld:
            pass

    threads = [threading.Thread(target=ask, args=(one,)) for one in catalogues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in catalogues:
        one.close()
    assert got == [1]


def open_live(record_url: str, folder: Path) -> LiveIndex:
    catalogue = Catalogue(record_url)
    live = LiveIndex(catalogue, Shards(1), MODELS_VERSION, Snapshots(folder / "snapshots"))
    live.load()
    return live


def write_slowly(record_url: str, folder: str) -> None:
    """Runs in a process of its own: tells each block, waits to be told to go on, tells how it ended."""
    live = open_live(record_url, Path(folder))

    def tick() -> None:
        print("block", flush=True)
        sys.stdin.readline()

    try:
        print("published", live.write_snapshot(tick, lease_s=LEASE_S).name, flush=True)
    except LeaseLost as error:
        print("lost", error, flush=True)
    except LeaseHeld as error:
        print("held", error, flush=True)


def start_writer(record_url: str, folder: Path) -> subprocess.Popen[str]:
    code = f"from tests.index.test_leases import write_slowly; write_slowly({record_url!r}, {str(folder)!r})"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(process: subprocess.Popen[str], words: str = "go on\n") -> None:
    assert process.stdin is not None
    process.stdin.write(words)
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def fill(record_url: str, folder: Path) -> None:
    registry = Registry(record_url, folder, MODELS_VERSION, snapshot_every=0)
    registry.start()
    for seed in range(4):
        registry.add(make_new_photo(seed), make_photo_bytes(seed))
    registry.close()


def test_a_stopped_holder_that_wakes_up_after_its_time_publishes_nothing(record_url: str, tmp_path: Path) -> None:
    """SIGSTOP while it writes; another process takes over meanwhile, or nobody does: either way it is too late."""
    fill(record_url, tmp_path)
    snapshots = Snapshots(tmp_path / "snapshots")
    for somebody_took_over in (False, True):
        before = set(snapshots.paths())
        with start_writer(record_url, tmp_path) as writer:
            assert hear(writer) == "block\n"
            os.kill(writer.pid, signal.SIGSTOP)
            time.sleep(LEASE_S + 0.5)
            if somebody_took_over:
                with start_writer(record_url, tmp_path) as other:
                    assert hear(other) == "block\n"
                    say(other)
                    assert hear(other).startswith("published")
                before = set(snapshots.paths())
            os.kill(writer.pid, signal.SIGCONT)
            say(writer)
            assert hear(writer).startswith("lost")
        assert set(snapshots.paths()) == before
        assert not list((tmp_path / "snapshots").glob(".unfinished*"))


def test_two_processes_compete_and_one_writes(record_url: str, tmp_path: Path) -> None:
    """The other is told at once, and may once the first is done."""
    fill(record_url, tmp_path)
    with start_writer(record_url, tmp_path) as first:
        assert hear(first) == "block\n"
        with start_writer(record_url, tmp_path) as second:
            assert hear(second).startswith("held")
        time.sleep(2 * LEASE_S)
        say(first)
        assert hear(first).startswith("published"), "it was renewed while it worked"
    with start_writer(record_url, tmp_path) as third:
        assert hear(third) == "block\n"
        say(third)
        assert hear(third).startswith("published")
    tokens = [Manifest.read(path).token for path in Snapshots(tmp_path / "snapshots").paths()]
    assert tokens == [2, 1]


def test_older_snapshots_go_while_the_lease_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else publishes while a compaction looks which of them is the latest."""
    url = f"sqlite:///{tmp_path}/record.db"
    fill(url, tmp_path)
    live, other = open_live(url, tmp_path), open_live(url, tmp_path)
    for _ in range(2):
        live.write_snapshot()
    prune = Snapshots.prune

    def beside(snapshots: Snapshots, models_version: str, kept: int) -> None:
        with pytest.raises(LeaseHeld):
            other.write_snapshot()
        prune(snapshots, models_version, kept)

    monkeypatch.setattr(Snapshots, "prune", beside)
    path = live.write_snapshot(kept=1)
    assert Snapshots(tmp_path / "snapshots").paths() == [path]
    for one in (live, other):
        one._vectors.close()
        one._catalogue.close()


def test_an_older_token_than_the_published_one_is_refused(tmp_path: Path) -> None:
    """Whatever the record says by now: the folder itself remembers who was there."""
    snapshots, moment = Snapshots(tmp_path / "snapshots"), Moment(sequence=0)
    path = snapshots.publish([], 8, MODELS_VERSION, moment, token=7)
    with pytest.raises(LeaseLost, match="later holder"):
        snapshots.publish([], 8, MODELS_VERSION, moment, token=6)
    assert snapshots.paths() == [path]
    again = snapshots.publish([], 8, MODELS_VERSION, moment, token=8)
    assert snapshots.paths() == [again, path], "of one change the later token is the latest"


def test_a_snapshot_whose_publishing_cannot_be_committed_is_taken_back(tmp_path: Path) -> None:
    """The record went away between the name and the commit."""
    from contextlib import contextmanager

    @contextmanager
    def fails_at_the_end() -> Iterator[None]:
        yield
        raise LeaseLost("the session was ended")

    snapshots = Snapshots(tmp_path / "snapshots")
    with pytest.raises(LeaseLost):
        snapshots.publish([], 8, MODELS_VERSION, Moment(sequence=0), fence=fails_at_the_end)
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_folders_are_told_apart_wherever_they_are_seen_from(tmp_path: Path) -> None:
    """Replicas that share a folder share its lease; those that do not, do not."""
    names = [Snapshots(tmp_path / one / "snapshots").identity() for one in ("a", "a", "b")]
    assert names[0] == names[1] != names[2]
