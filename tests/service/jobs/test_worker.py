"""What goes wrong with one job, or with the disk, stays there: other jobs and the sweep go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from index.database import Database
from index.errors import InvalidQuery
from index.job_types import Job, JobKind, JobStatus, Step
from index.jobs import JobLedger
from service.disk import DiskGuard
from service.ending import end_tasks
from service.jobs.archive import ArchiveLimits
from service.jobs.intake import JobIntake
from service.jobs.line_work import Worked
from service.jobs.lines import LINES, Line
from service.jobs.queue import LocalQueue
from service.jobs.worker import JobPace, JobWorker
from service.observability import Metrics
from tests.waiting import come_true

PACE = JobPace(at_once=2, slice_s=5.0, lease_s=60.0, look_every_s=0.02, keep_days=30)


class Disk(DiskGuard):
    """As full as it is told to be."""

    full = False

    @property
    def read_only(self) -> bool:
        return self.full


@pytest.fixture
def ledger(record_url: str) -> Iterator[JobLedger]:
    database = Database(record_url)
    yield JobLedger(database)
    database.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, 1)


async def answered(_job: Job, line: Line, _photo: bytes | None) -> Worked:
    return Worked(answer={"of": line.number})


@asynccontextmanager
async def working(ledger: JobLedger, folder: Path, disk: Disk, *announced: str) -> AsyncIterator[None]:
    """A worker at work on checks; jobs that were not announced it finds by itself."""
    queue = LocalQueue(PACE.lease_s)
    intake = JobIntake(ledger, queue, folder, disk, ArchiveLimits(100, 100.0), 10)
    kinds = {JobKind.CHECKS: answered}
    worker = JobWorker(ledger, queue, intake, folder, kinds, PACE, 1_000, True, Metrics())
    for job_id in announced:
        await queue.announce(job_id)
    running = asyncio.create_task(worker.run())
    try:
        yield
        assert not running.done()
    finally:
        await end_tasks(running)


def a_job(ledger: JobLedger, folder: Path, job_id: str, lines: int = 3) -> None:
    (folder / job_id).mkdir(parents=True)
    (folder / job_id / LINES).write_text("{}\n" * lines)
    ledger.create(job_id, "acme", JobKind.CHECKS, lines)


def is_at_its_end(ledger: JobLedger, job_id: str) -> Callable[[], Any]:
    async def ended() -> bool:
        return not (await asyncio.to_thread(ledger.get, job_id)).live

    return ended


async def test_a_job_whose_lines_come_to_what_cannot_be_kept_has_failed(
    ledger: JobLedger, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names them, holds no live place any longer, and its upload goes; lines before them stay done."""
    advance = ledger.advance

    def refusing(job_id: str, worker: str, lease_s: float, step: Step) -> bool:
        if b'"of": 4' in b"".join(step.results):
            raise InvalidQuery("a value that the record cannot keep")
        return advance(job_id, worker, lease_s, step)

    monkeypatch.setattr(ledger, "advance", refusing)
    folder = tmp_path / "jobs"
    a_job(ledger, folder, "bad", 5)
    a_job(ledger, folder, "good")
    async with working(ledger, folder, disk, "bad"):
        for job_id in ("bad", "good"):
            await come_true(is_at_its_end(ledger, job_id))
        await come_true(lambda: asyncio.to_thread(lambda: not list(folder.iterdir())))
    bad, good = ledger.get("bad"), ledger.get("good")
    assert (bad.status, bad.done, bad.failed) == (JobStatus.FAILED, 2, 0)
    assert bad.failure == "the record cannot keep what lines 3 to 4 came to"
    assert (good.status, good.done) == (JobStatus.DONE, 3)
    assert ledger.count_live("acme") == 0


@pytest.mark.parametrize("error", [InvalidQuery("bad"), OSError("no file"), RuntimeError("a bug")])
@pytest.mark.parametrize("told", ["announced", "found"])
async def test_a_job_whose_turn_fails_holds_up_neither_the_others_nor_the_sweep(
    ledger: JobLedger, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    """Whatever is wrong with it; once nothing is, it goes on."""
    claim, at_fault = ledger.claim, [True]

    def failing(job_id: str, worker: str, lease_s: float) -> Job | None:
        if job_id == "bad" and at_fault:
            raise error
        return claim(job_id, worker, lease_s)

    monkeypatch.setattr(ledger, "claim", failing)
    folder = tmp_path / "jobs"
    for job_id in ("bad", "good", "left"):
        a_job(ledger, folder, job_id)
    ledger.cancel("left", "acme")
    async with working(ledger, folder, disk, *(["bad"] if told == "announced" else [])):
        await come_true(is_at_its_end(ledger, "good"))
        await come_true(lambda: asyncio.to_thread(lambda: not (folder / "left").exists()))
        assert ledger.get("bad").live
        at_fault.clear()
        await come_true(is_at_its_end(ledger, "bad"))
    assert ledger.get("bad").status is JobStatus.DONE


async def test_checks_wait_for_room_too(ledger: JobLedger, tmp_path: Path, disk: Disk) -> None:
    """Their answers are kept in the record; none is worked on while the disk is full."""
    a_job(ledger, tmp_path / "jobs", "job")
    disk.full = True
    async with working(ledger, tmp_path / "jobs", disk, "job"):
        await come_true(lambda: asyncio.to_thread(lambda: ledger.get("job").status is JobStatus.RUNNING))
        await asyncio.sleep(0.3)
        assert ledger.get("job").done == 0
        disk.full = False
        await come_true(is_at_its_end(ledger, "job"))
    assert [json.loads(line)["line"] for line in ledger.results("job", "acme")] == [1, 2, 3]
