"""Works jobs through: claims one in the record, goes on where it was, and lets others go on after a while."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import structlog

from index.errors import CatalogueError, InvalidQuery
from index.job_types import Job, JobKind, LineProblem, Step
from index.jobs import JobLedger
from models.errors import ModelsError
from service.ending import end_tasks
from service.errors import ServiceError, status_and_code
from service.jobs.intake import JobIntake
from service.jobs.line_work import LineWork, Worked
from service.jobs.lines import Line, LineReader
from service.jobs.outcomes import problem_of, result_of
from service.jobs.queue import JobQueue
from service.observability import Metrics

log = structlog.get_logger()

_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_SWEEP_EVERY_S = 3_600.0


@dataclass(frozen=True, slots=True)
class JobPace:
    """How jobs are worked on; see `JobSettings`."""

    at_once: int
    slice_s: float
    lease_s: float
    look_every_s: float
    keep_days: int


class JobWorker:
    """One job at a time, `at_once` lines side by side; belongs to the service's event loop.

    `alone`: no other process has this record, so an upload that is not here is nowhere.
    """

    def __init__(
        self,
        ledger: JobLedger,
        queue: JobQueue,
        intake: JobIntake,
        folder: Path,
        work: Mapping[JobKind, LineWork],
        pace: JobPace,
        max_photo_bytes: int,
        alone: bool,
        metrics: Metrics,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._intake = intake
        self._folder = folder
        self._work = work
        self._pace = pace
        self._max_photo_bytes = max_photo_bytes
        self._alone = alone
        self._metrics = metrics
        self._name = uuid4().hex
        self._next_sweep = time.monotonic()
        self._waiting_for: str | None = None

    async def run(self) -> None:
        """For as long as the service runs. First those that another process, or another life of this one, left."""
        within_s = 0.0
        while True:
            try:
                handed = await self._queue.next(within_s)
                if handed is not None:
                    if await self._try_turn(handed.job_id):
                        await handed.acknowledge()
                    else:
                        await asyncio.sleep(self._pace.look_every_s)
                else:
                    await self._look_around()
                within_s = self._pace.look_every_s
            except (CatalogueError, OSError) as error:
                log.warning("jobs_wait", error=str(error))
                await asyncio.sleep(self._pace.look_every_s)

    async def _look_around(self) -> None:
        """Jobs that nobody announced; at first and once in a while, what is kept no longer: whoever was killed between
        the end of a job and the deletion of its upload left one."""
        for job_id in await asyncio.to_thread(self._ledger.free):
            await self._try_turn(job_id)
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + _SWEEP_EVERY_S
            before = datetime.now(UTC) - timedelta(days=self._pace.keep_days)
            await asyncio.to_thread(self._ledger.sweep, before)
            live, ended = [await asyncio.to_thread(ids) for ids in (self._ledger.live_ids, self._ledger.ended_ids)]
            await asyncio.to_thread(self._intake.sweep, live, ended)

    async def _try_turn(self, job_id: str) -> bool:
        """False where the turn failed, which holds up no other job; this one is found again, and tried again."""
        try:
            await self._turn(job_id)
            return True
        except (CatalogueError, OSError) as error:
            log.warning("job_waits", job_id=job_id, error=str(error))
        except Exception as error:  # outermost handler of a job: the others go on
            log.error("job_turn_failed", job_id=job_id, exc_info=error)
        return False

    async def _turn(self, job_id: str) -> None:
        """Work on a job until it is done or others wait. One whose upload lies on another machine is left to that."""
        folder = self._folder / job_id
        if not self._alone and not await asyncio.to_thread(folder.is_dir):
            return
        job = await asyncio.to_thread(self._ledger.claim, job_id, self._name, self._pace.lease_s)
        if job is None:
            return
        working = asyncio.create_task(self._work_through(job, folder))
        watching = asyncio.create_task(self._keep_lease(job_id))
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            ended = working.done() and working.result()
        finally:
            await end_tasks(working, watching)
            # Changes nothing where it is no longer ours.
            released = await asyncio.shield(asyncio.to_thread(self._ledger.release, job_id, self._name))
        if ended:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        elif released:
            await self._queue.announce(job_id)

    async def _work_through(self, job: Job, folder: Path) -> bool:
        """Whether it is at its end; False where others wait, or it is no longer ours."""
        try:
            reader = await self._open(folder, job.position)
        except (OSError, ValueError, BadZipFile) as error:
            log.error("job_unreadable", job_id=job.job_id, exc_info=error)
            return await asyncio.to_thread(
                self._ledger.finish, job.job_id, self._name, "its upload cannot be read any more"
            )
        ends = time.monotonic() + self._pace.slice_s
        with reader:
            while lines := await asyncio.to_thread(reader.take, self._pace.at_once):
                step = await self._step(job, reader, lines)
                try:
                    kept = await asyncio.to_thread(
                        self._ledger.advance, job.job_id, self._name, self._pace.lease_s, step
                    )
                except InvalidQuery as error:
                    # It would be so however often these lines were worked on again.
                    log.error("job_step_not_kept", job_id=job.job_id, line=lines[0].number, exc_info=error)
                    failure = f"the record cannot keep what lines {lines[0].number} to {lines[-1].number} came to"
                    return await asyncio.to_thread(self._ledger.finish, job.job_id, self._name, failure)
                if not kept:
                    return False
                self._metrics.job_lines(job.kind.value, step.done, len(step.problems))
                if time.monotonic() >= ends:
                    if await asyncio.to_thread(self._ledger.free):
                        return False
                    ends = time.monotonic() + self._pace.slice_s
        return await asyncio.to_thread(self._ledger.finish, job.job_id, self._name)

    async def _open(self, folder: Path, position: int) -> LineReader:
        opening = asyncio.ensure_future(asyncio.to_thread(LineReader, folder, position, self._max_photo_bytes))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Its thread opens the files whether anybody waits for them or not.
            with contextlib.suppress(OSError, ValueError, BadZipFile):
                (await opening).close()
            raise

    async def _step(self, job: Job, reader: LineReader, lines: list[Line]) -> Step:
        """Work on a few lines side by side."""
        outcomes = await asyncio.gather(*(self._work_on(job, reader, line) for line in lines))
        problems = [outcome for outcome in outcomes if isinstance(outcome, LineProblem)]
        results = [
            result_of(line, outcome)
            for line, outcome in zip(lines, outcomes, strict=True)
            if job.kind is JobKind.CHECKS
        ]
        created = sum(isinstance(outcome, Worked) and outcome.created for outcome in outcomes)
        return Step(lines[-1].end, len(lines), created, problems, results)

    async def _work_on(self, job: Job, reader: LineReader, line: Line) -> Worked | LineProblem:
        """One line; what is the service's fault and passes (no room, too much to do, models away) is waited for."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            try:
                self._intake.require_room()
                if line.problem is not None:
                    raise line.problem
                photo = await asyncio.to_thread(reader.photo, line)
                worked = await self._work[job.kind](job, line, photo)
                self._waiting_for = None
                return worked
            except (ServiceError, ModelsError, CatalogueError) as error:
                status, code = status_and_code(error)
                if status < 500:
                    self._waiting_for = None
                    return problem_of(line, code, str(error))
                self._waiting_for = code
            except Exception as error:  # outermost handler of a line: the others go on
                log.error("line_failed", job_id=job.job_id, line=line.number, exc_info=error)
                return problem_of(line, "internal_error", "something went wrong here; the log has the job's id")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _keep_lease(self, job_id: str) -> None:
        """Say now and then that we still work on it; returns once it is no longer ours."""
        mine = True
        while mine:
            await asyncio.sleep(self._pace.lease_s / 3)
            try:
                mine = await asyncio.to_thread(
                    self._ledger.renew, job_id, self._name, self._pace.lease_s, self._waiting_for
                )
            except CatalogueError as error:
                log.warning("job_lease_not_renewed", job_id=job_id, error=str(error))
