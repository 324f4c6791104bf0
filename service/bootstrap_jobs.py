"""Builds what works on jobs from settings; with `bootstrap`, the only place that names concrete classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from index.database import Database
from index.job_types import JobKind
from index.jobs import JobLedger
from service.check import PlagiarismChecker
from service.disk import DiskGuard
from service.fetching.fetcher import UrlFetcher
from service.jobs.archive import ArchiveLimits
from service.jobs.desk import JobDesk
from service.jobs.intake import JobIntake
from service.jobs.line_work import AddLine, CheckLine, LineWork, PhotoOfLine
from service.jobs.queue import JobQueue, LocalQueue, StreamQueue
from service.jobs.worker import JobPace, JobWorker
from service.observability import Metrics
from service.registration import Registrar
from service.settings import Settings


def database_url(settings: Settings) -> str:
    """Where the record is: as set, else SQLite in the data dir."""
    return settings.database_url or f"sqlite:///{settings.data_dir.resolve() / 'catalogue.sqlite'}"


def open_ledger(settings: Settings, database: Database) -> JobLedger:
    """The record of jobs. On a SQLite record one process works on them: whoever held a job before it is dead."""
    ledger = JobLedger(database)
    if settings.jobs.work and database_url(settings).startswith("sqlite"):
        ledger.release_all()
    return ledger


def line_work(
    registrar: Registrar, checker: PlagiarismChecker, fetcher: UrlFetcher | None
) -> Mapping[JobKind, LineWork]:
    photos = PhotoOfLine(fetcher)
    return {JobKind.ADDS: AddLine(registrar, photos), JobKind.CHECKS: CheckLine(checker, photos)}


def make_desk(
    settings: Settings,
    ledger: JobLedger,
    work: Mapping[JobKind, LineWork],
    disk: DiskGuard,
    metrics: Metrics,
    redis_url: str | None,
) -> JobDesk:
    """Jobs through Redis where there is one."""
    jobs = settings.jobs
    folder = (jobs.folder or settings.data_dir / "jobs").resolve()
    if redis_url is None:
        queue: JobQueue = LocalQueue(jobs.lease_s)
    else:
        # One stream a record: several services may share a Redis.
        record = hashlib.sha256(database_url(settings).encode()).hexdigest()[:12]
        queue = StreamQueue(redis_url, f"selvedge:jobs:{record}", jobs.lease_s)
    intake = JobIntake(ledger, queue, folder, disk, ArchiveLimits(jobs.max_lines, jobs.max_ratio), jobs.most_live)
    at_once = jobs.at_once or max(1, min(settings.capacity.workers - 1, settings.capacity.bulk_queue))
    pace = JobPace(at_once, jobs.slice_s, jobs.lease_s, jobs.look_every_s, jobs.keep_days)
    alone = database_url(settings).startswith("sqlite")
    worker = JobWorker(ledger, queue, intake, folder, work, pace, settings.images.max_bytes, alone, metrics)
    return JobDesk(ledger, queue, intake, worker, folder)
