"""Where jobs are handed in, looked at and called off; each caller sees its tenant's, of the kinds it may ask for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.errors import JobNotFound
from index.job_types import Job, JobKind, JobPage, ProblemPage
from index.jobs import JobLedger
from service.jobs.intake import JobIntake
from service.jobs.queue import JobQueue
from service.jobs.worker import JobWorker


@dataclass(frozen=True, slots=True, eq=False)
class JobDesk:
    """Everything about jobs that the service holds."""

    ledger: JobLedger
    queue: JobQueue
    intake: JobIntake
    worker: JobWorker
    folder: Path

    async def get(self, job_id: str, tenant: str, kinds: Sequence[JobKind]) -> Job:
        """Raises JobNotFound."""
        job = await asyncio.to_thread(self.ledger.get, job_id, tenant)
        if job.kind not in kinds:
            raise JobNotFound(f"no job {job_id!r}")
        return job

    async def problems(self, job: Job, cursor: str | None, limit: int) -> ProblemPage:
        """Raises JobNotFound, InvalidQuery."""
        return await asyncio.to_thread(self.ledger.problems, job.job_id, job.tenant, cursor, limit)

    async def list(self, tenant: str, kinds: Sequence[JobKind], cursor: str | None, limit: int) -> JobPage:
        """Raises InvalidQuery."""
        return await asyncio.to_thread(self.ledger.list, tenant, kinds, cursor, limit)

    def results(self, job: Job) -> Iterator[bytes]:
        """The lines of a job of checks. Raises JobNotFound for other jobs."""
        if job.kind is not JobKind.CHECKS:
            raise JobNotFound(f"job {job.job_id!r} registers photos and has no results; its items have them")
        return self.ledger.results(job.job_id, job.tenant)

    async def cancel_or_forget(self, job: Job) -> None:
        """End a live job, whose work stays as it is; forget one at its end. Raises JobNotFound."""
        if await asyncio.to_thread(self.ledger.cancel, job.job_id, job.tenant):
            await asyncio.to_thread(shutil.rmtree, self.folder / job.job_id, True)
        else:
            await asyncio.to_thread(self.ledger.forget, job.job_id, job.tenant)
