"""The tables of bulk work: jobs 1─n job_problems and job_results. See `records.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from index.records import Number, Record


class JobRecord(Record):
    """Bulk work. `worker` works on it until `lease_until`, unless it says before that it still does."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_tenant", "tenant", "number"),
        Index("ix_jobs_status", "status", "number"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    job_id: Mapped[str] = mapped_column(unique=True)
    tenant: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    total: Mapped[int]
    done: Mapped[int]
    failed: Mapped[int]
    created: Mapped[int]
    position: Mapped[int] = mapped_column(Number)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    waiting_for: Mapped[str | None]
    failure: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class JobProblemRecord(Record):
    """A line that was refused."""

    __tablename__ = "job_problems"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    job_number: Mapped[int] = mapped_column(Number, ForeignKey("jobs.number", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    file: Mapped[str | None]
    item_id: Mapped[str | None]
    code: Mapped[str]
    detail: Mapped[str]


class JobResultRecord(Record):
    """The answer to one line, compressed; `check_id` is empty for a refused line, NULL before revision 0008."""

    __tablename__ = "job_results"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    job_number: Mapped[int] = mapped_column(Number, ForeignKey("jobs.number", ondelete="CASCADE"), index=True)
    answer: Mapped[bytes]
    check_id: Mapped[str | None] = mapped_column(index=True)
