"""What jobs look like over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from index.job_types import Job, JobKind, JobStatus, LineProblem


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class JobOut(_Out):
    """A job. Of `total` lines `done` are worked through, of which `failed` were refused; `created` photos are new.

    `waiting_for`: the code of a problem of the service that the job waits to pass. `failure`: why it could not go on.
    """

    job_id: str
    kind: JobKind
    status: JobStatus
    total: int
    done: int
    failed: int
    created: int
    waiting_for: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @staticmethod
    def of(job: Job) -> JobOut:
        return JobOut(**{name: getattr(job, name) for name in JobOut.model_fields})


class LineProblemOut(_Out):
    """A line that was refused, with the `code` that its own request would have got."""

    line: int
    file: str | None
    item_id: str | None
    code: str
    detail: str

    @staticmethod
    def of(problem: LineProblem) -> LineProblemOut:
        return LineProblemOut(**{name: getattr(problem, name) for name in LineProblemOut.model_fields})


class JobDetailOut(JobOut):
    """A job with a page of its refused lines; give `next_cursor` back as `cursor` for the next page."""

    errors: list[LineProblemOut] = []
    next_cursor: str | None = None


class JobPageOut(_Out):
    """Jobs, youngest first."""

    jobs: list[JobOut]
    next_cursor: str | None
