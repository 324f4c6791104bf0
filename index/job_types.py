"""What the record remembers of bulk work: Job, Step, LineProblem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobKind(StrEnum):
    """What is done with each line."""

    ADDS = "adds"
    CHECKS = "checks"


class JobStatus(StrEnum):
    """`queued` and `running` go on by themselves; the others are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """Bulk work of one tenant. Of `total` lines `done` are worked through, of which `failed` were refused.

    `created`: photos that were new. `position`: byte of its line file where work goes on. `waiting_for`: the code of a
    problem of ours that it waits to pass. `failure`: why the job as a whole could not go on.
    """

    job_id: str
    tenant: str
    kind: JobKind
    status: JobStatus
    total: int
    done: int
    failed: int
    created: int
    position: int
    waiting_for: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def live(self) -> bool:
        return self.status in LIVE


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line was refused: `code` as the REST interface names it. `line` counts from 1 in the caller's own file."""

    line: int
    file: str | None
    item_id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Step:
    """What working through a few lines came to; kept as a whole or not at all. `results`: bytes a line, in order."""

    position: int
    done: int
    created: int
    problems: Sequence[LineProblem] = ()
    results: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Refused lines in the order they were worked on; `next_cursor` is None on the last page."""

    problems: tuple[LineProblem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, youngest first; `next_cursor` is None on the last page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None
