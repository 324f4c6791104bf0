"""The kept answers of jobs, found and erased by the check that they hold."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate

from sqlalchemy import delete, func, select, update

from index.database import Database
from index.job_records import JobRecord, JobResultRecord

_AT_ONCE = 200
_READ_AT_ONCE = 100
_READ_BYTES = 4_000_000
"""Of compressed answers; one alone may have more."""
NO_CHECK = ""
"""Of a line that was refused."""


def check_id_in(answer: bytes) -> str:
    """The check that a line of results holds, `{"check": {"check_id": …}}`; NO_CHECK where it holds none."""
    try:
        return str(json.loads(answer)["check"]["check_id"])
    except (ValueError, KeyError, TypeError):
        return NO_CHECK


def read_answers(database: Database, job_number: int) -> Iterator[bytes]:
    """The answers of a job so far, in order, few of them in memory at a time however long they are."""
    after = 0
    answers = JobResultRecord.number, JobResultRecord.answer
    while True:
        beyond = JobResultRecord.job_number == job_number, JobResultRecord.number > after
        sizes = select(JobResultRecord.number, func.length(JobResultRecord.answer)).where(*beyond)
        with database.reading() as connection:
            found = connection.execute(sizes.order_by(JobResultRecord.number).limit(_READ_AT_ONCE)).all()
            if not found:
                return
            fitting = sum(total <= _READ_BYTES for total in accumulate(size for _, size in found))
            last = found[max(fitting, 1) - 1].number
            wanted = select(*answers).where(*beyond, JobResultRecord.number <= last)
            rows = connection.execute(wanted.order_by(JobResultRecord.number)).all()
        yield from (zlib.decompress(row.answer) for row in rows)
        if last == found[-1].number and len(found) < _READ_AT_ONCE:
            return
        after = last


class JobResults:
    """Of an open record; may be used from any thread. Raises IndexUnavailable when it is out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, check_id: str, tenant: str) -> dict[int, bytes]:
        """The tenant's lines that hold the check, by their number."""
        self._name_checks()
        wanted = (
            select(JobResultRecord.number, JobResultRecord.answer)
            .join(JobRecord, JobRecord.number == JobResultRecord.job_number)
            .where(JobResultRecord.check_id == check_id, JobRecord.tenant == tenant)
        )
        with self._database.reading() as connection:
            return {row.number: zlib.decompress(row.answer) for row in connection.execute(wanted)}

    def erase(self, numbers: Sequence[int]) -> bool:
        """For good; False where the bytes stay in SQLite's log for a while: `empty_log` later."""
        if not numbers:
            return True
        with self._database.writing() as connection:
            connection.execute(delete(JobResultRecord).where(JobResultRecord.number.in_(numbers)))
        return self.empty_log()

    def empty_log(self) -> bool:
        return self._database.empty_log()

    def _name_checks(self) -> None:
        """Of lines that a release before revision 0008 kept; once, since the next call finds none."""
        unnamed = select(JobResultRecord.number, JobResultRecord.answer).where(JobResultRecord.check_id.is_(None))
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(unnamed.limit(_AT_ONCE)).all()
            if not rows:
                return
            named = [(row.number, check_id_in(zlib.decompress(row.answer))) for row in rows]
            with self._database.writing() as connection:
                for number, check_id in named:
                    line = update(JobResultRecord).where(JobResultRecord.number == number)
                    connection.execute(line.values(check_id=check_id))
