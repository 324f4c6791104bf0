"""The durable record of bulk work: what was asked, how far it is, and who works on it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update

from index.database import Database
from index.errors import InvalidQuery, JobNotFound
from index.job_records import JobProblemRecord, JobRecord, JobResultRecord
from index.job_results import check_id_in, read_answers
from index.job_types import LIVE, Job, JobKind, JobPage, JobStatus, LineProblem, ProblemPage, Step

_FIELDS = tuple(Job.__dataclass_fields__)


class JobLedger:
    """Jobs in an open record; may be used from any thread. Raises IndexUnavailable when it is out.

    Whoever works on a job holds a lease under the name of its process; a process that died loses it with the time. What
    a worker says of a job that is no longer its own changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, job_id: str, tenant: str, kind: JobKind, total: int) -> Job:
        now = datetime.now(UTC)
        row: dict[str, Any] = {"job_id": job_id, "tenant": tenant, "kind": kind.value, "status": JobStatus.QUEUED.value}
        row |= {"total": total, "done": 0, "failed": 0, "created": 0, "position": 0}
        with self._database.writing() as connection:
            connection.execute(insert(JobRecord).values(row | {"created_at": now, "updated_at": now}))
            return _read(connection, job_id)

    def get(self, job_id: str, tenant: str | None = None) -> Job:
        """A tenant's job; any tenant's where none is named. Raises JobNotFound."""
        with self._database.reading() as connection:
            return _read(connection, job_id, tenant)

    def list(self, tenant: str, kinds: Sequence[JobKind], cursor: str | None = None, limit: int = 50) -> JobPage:
        """A tenant's jobs, youngest first. Raises InvalidQuery for a cursor that is not ours."""
        wanted = select(JobRecord).where(JobRecord.tenant == tenant, JobRecord.kind.in_([kind.value for kind in kinds]))
        if cursor is not None:
            wanted = wanted.where(JobRecord.number < _number_in(cursor))
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(JobRecord.number.desc()).limit(limit + 1)).all()
        more = rows[limit - 1].number if len(rows) > limit else None
        return JobPage(tuple(map(_job_of, rows[:limit])), None if more is None else str(more))

    def problems(self, job_id: str, tenant: str, cursor: str | None = None, limit: int = 50) -> ProblemPage:
        """The lines of a tenant's job that were refused. Raises JobNotFound, InvalidQuery."""
        with self._database.reading() as connection:
            number = _number_of(connection, job_id, tenant)
            wanted = select(JobProblemRecord).where(JobProblemRecord.job_number == number)
            if cursor is not None:
                wanted = wanted.where(JobProblemRecord.number > _number_in(cursor))
            rows = connection.execute(wanted.order_by(JobProblemRecord.number).limit(limit + 1)).all()
        found = tuple(LineProblem(row.line, row.file, row.item_id, row.code, row.detail) for row in rows[:limit])
        return ProblemPage(found, str(rows[limit - 1].number) if len(rows) > limit else None)

    def results(self, job_id: str, tenant: str) -> Iterator[bytes]:
        """The answers so far, a line each, in order; those that come later are not waited for. Raises JobNotFound."""
        with self._database.reading() as connection:
            number = _number_of(connection, job_id, tenant)
        yield from read_answers(self._database, number)

    def count_live(self, tenant: str) -> int:
        """How many jobs of a tenant are not at their end."""
        wanted = select(func.count()).where(JobRecord.tenant == tenant, JobRecord.status.in_(LIVE))
        with self._database.reading() as connection:
            return connection.scalar(wanted) or 0

    def live_ids(self) -> frozenset[str]:
        """All tenants' jobs that are not at their end."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(JobRecord.job_id).where(JobRecord.status.in_(LIVE))))

    def ended_ids(self) -> frozenset[str]:
        """All tenants' jobs that are at their end and not forgotten yet."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(JobRecord.job_id).where(JobRecord.status.not_in(LIVE))))

    def free(self) -> tuple[str, ...]:
        """Jobs that nobody works on, the one that has waited longest first."""
        wanted = select(JobRecord.job_id).where(*_free(datetime.now(UTC))).order_by(JobRecord.updated_at)
        with self._database.reading() as connection:
            return tuple(connection.scalars(wanted))

    def claim(self, job_id: str, worker: str, lease_s: float) -> Job | None:
        """The job, now the worker's; None where it is another's, at its end, or forgotten."""
        now = datetime.now(UTC)
        claiming = update(JobRecord).where(JobRecord.job_id == job_id)
        claiming = claiming.where(or_(JobRecord.worker == worker, JobRecord.lease_until.is_(None), _lapsed(now)))
        values = {"status": JobStatus.RUNNING.value, "worker": worker, "lease_until": now + timedelta(seconds=lease_s)}
        with self._database.writing() as connection:
            claimed = connection.execute(claiming.where(JobRecord.status.in_(LIVE)).values(values)).rowcount
            return _read(connection, job_id) if claimed else None

    def renew(self, job_id: str, worker: str, lease_s: float, waiting_for: str | None = None) -> bool:
        """Still working on it, or waiting for something to pass; False where it is no longer the worker's."""
        until = datetime.now(UTC) + timedelta(seconds=lease_s)
        return self._change(job_id, worker, lease_until=until, waiting_for=waiting_for)

    def advance(self, job_id: str, worker: str, lease_s: float, step: Step) -> bool:
        """Keep what a few lines came to; False, and nothing is kept, where the job is no longer the worker's."""
        now = datetime.now(UTC)
        changed = update(JobRecord).where(JobRecord.job_id == job_id, JobRecord.worker == worker)
        values = {
            "position": step.position,
            "done": JobRecord.done + step.done,
            "failed": JobRecord.failed + len(step.problems),
            "created": JobRecord.created + step.created,
            "lease_until": now + timedelta(seconds=lease_s),
            "updated_at": now,
            "waiting_for": None,
        }
        with self._database.writing() as connection:
            if not connection.execute(changed.values(values)).rowcount:
                return False
            number = _number_of(connection, job_id)
            problems = [
                {
                    "job_number": number,
                    "line": problem.line,
                    "file": problem.file,
                    "item_id": problem.item_id,
                    "code": problem.code,
                    "detail": problem.detail,
                }
                for problem in step.problems
            ]
            if problems:
                connection.execute(insert(JobProblemRecord), problems)
            if step.results:
                answers = [
                    {"job_number": number, "answer": zlib.compress(answer), "check_id": check_id_in(answer)}
                    for answer in step.results
                ]
                connection.execute(insert(JobResultRecord), answers)
            return True

    def release(self, job_id: str, worker: str) -> bool:
        """Another process may go on with it."""
        return self._change(job_id, worker, worker=None, lease_until=None, updated_at=datetime.now(UTC))

    def release_all(self) -> int:
        """Every lease is of a process that died: only where no other process can use this record."""
        held = update(JobRecord).where(JobRecord.status.in_(LIVE), JobRecord.worker.is_not(None))
        with self._database.writing() as connection:
            return connection.execute(held.values(worker=None, lease_until=None)).rowcount

    def finish(self, job_id: str, worker: str, failure: str | None = None) -> bool:
        """Its end: done, or failed where it could not go on; False where it is no longer the worker's."""
        status = JobStatus.DONE if failure is None else JobStatus.FAILED
        return self._change(job_id, worker, failure=failure, waiting_for=None, **_ended(status))

    def cancel(self, job_id: str, tenant: str) -> bool:
        """End a live job; what it did stays. False where it was at its end. Raises JobNotFound."""
        live = update(JobRecord).where(JobRecord.job_id == job_id, JobRecord.status.in_(LIVE))
        with self._database.writing() as connection:
            _read(connection, job_id, tenant)
            return bool(connection.execute(live.values(waiting_for=None, **_ended(JobStatus.CANCELLED))).rowcount)

    def forget(self, job_id: str, tenant: str) -> None:
        """A job with its problems and results, as if it had not been; what it did stays. Raises JobNotFound."""
        with self._database.writing() as connection:
            number = _number_of(connection, job_id, tenant)
            connection.execute(delete(JobRecord).where(JobRecord.number == number))

    def sweep(self, before: datetime) -> int:
        """Forget the jobs that ended before a moment."""
        old = delete(JobRecord).where(JobRecord.finished_at < before)
        with self._database.writing() as connection:
            return connection.execute(old).rowcount

    def _change(self, job_id: str, holder: str, **values: object) -> bool:
        mine = update(JobRecord).where(JobRecord.job_id == job_id, JobRecord.worker == holder)
        with self._database.writing() as connection:
            return bool(connection.execute(mine.values(**values)).rowcount)


def _ended(status: JobStatus) -> dict[str, object]:
    now = datetime.now(UTC)
    return {"status": status.value, "worker": None, "lease_until": None, "updated_at": now, "finished_at": now}


def _lapsed(now: datetime) -> ColumnElement[bool]:
    return JobRecord.lease_until < now


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return JobRecord.status.in_(LIVE), or_(JobRecord.lease_until.is_(None), _lapsed(now))


def _read(connection: Connection, job_id: str, tenant: str | None = None) -> Job:
    row = connection.execute(_named(job_id, tenant)).one_or_none()
    if row is None:
        raise JobNotFound(f"no job {job_id!r}")
    return _job_of(row)


def _number_of(connection: Connection, job_id: str, tenant: str | None = None) -> int:
    row = connection.execute(_named(job_id, tenant)).one_or_none()
    if row is None:
        raise JobNotFound(f"no job {job_id!r}")
    return int(row.number)


def _named(job_id: str, tenant: str | None) -> Select[Any]:
    named = select(JobRecord).where(JobRecord.job_id == job_id)
    return named if tenant is None else named.where(JobRecord.tenant == tenant)


def _job_of(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Job(**values | {"kind": JobKind(row.kind), "status": JobStatus(row.status)})


def _number_in(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        raise InvalidQuery(f"{cursor!r} is no cursor of ours")
    return int(cursor)
