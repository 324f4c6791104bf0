"""Uploads of many lines → jobs: streamed to disk, looked over, and durable before they are acknowledged."""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from index.durable_files import sync
from index.job_types import Job, JobKind
from index.jobs import JobLedger
from service.disk import DiskGuard
from service.errors import DamagedArchive, ReadOnly, TooManyJobs, UnsupportedBody
from service.jobs.archive import ArchiveLimits
from service.jobs.lines import ARCHIVE, LINES, count_lines, write_lines
from service.jobs.queue import JobQueue
from service.ulid import new_ulid

ZIP_TYPES = ("application/zip", "application/x-zip-compressed")
NDJSON_TYPES = ("application/x-ndjson", "application/jsonl")
_UNFINISHED = ".unfinished-"
_SWEPT_AFTER_S = 3_600.0
_WRITTEN_AT_ONCE = 1_000_000
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class JobIntake:
    """Takes uploads in. `most_live` jobs of a tenant may be under way; an items file has at most `items_bytes`."""

    def __init__(
        self,
        ledger: JobLedger,
        queue: JobQueue,
        folder: Path,
        disk: DiskGuard,
        limits: ArchiveLimits,
        most_live: int,
        items_bytes: int = 200_000_000,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._folder = folder
        self._disk = disk
        self._limits = limits
        self._most_live = most_live
        self._items_bytes = items_bytes
        folder.mkdir(parents=True, exist_ok=True)

    async def refuse_if_full(self, tenant: str) -> None:
        """Ask before reading a body. Raises TooManyJobs, ReadOnly."""
        self.require_room()
        if await asyncio.to_thread(self._ledger.count_live, tenant) >= self._most_live:
            raise TooManyJobs(f"{self._most_live} jobs are not done yet; wait for one, or cancel it")

    def require_room(self) -> None:
        """For an upload, and for what its lines come to: both are kept. Raises ReadOnly."""
        self._disk.require_room()

    async def accept(self, chunks: AsyncIterator[bytes], media_type: str, kind: JobKind, tenant: str) -> Job:
        """A job of this body; survives kill -9 once this returns.

        Raises UnsupportedBody, ReadOnly (also where the disk is full at once), and what the body's bytes or
        `write_lines` raise; nothing is kept then.
        """
        name = {**dict.fromkeys(ZIP_TYPES, ARCHIVE), **dict.fromkeys(NDJSON_TYPES, LINES)}.get(media_type)
        if name is None:
            raise UnsupportedBody("send a ZIP (application/zip) or NDJSON (application/x-ndjson)")
        job_id = f"job_{new_ulid()}"
        writing = self._folder / f"{_UNFINISHED}{job_id}"
        try:
            writing.mkdir()
            await self._write(writing / name, chunks)
            total = await asyncio.to_thread(self._prepare, writing, name)
            await asyncio.to_thread(_publish, writing, self._folder / job_id)
            job = await asyncio.to_thread(self._ledger.create, job_id, tenant, kind, total)
        except BaseException as error:
            for left in (writing, self._folder / job_id):
                shutil.rmtree(left, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise ReadOnly("the disk has no room for this upload; nothing of it was kept") from error
            raise
        await self._queue.announce(job_id)
        return job

    def sweep(self, live: frozenset[str], ended: frozenset[str]) -> int:
        """Delete the uploads of jobs that are at their end, and those that never became one or were forgotten.

        Young uploads of no job may be another process's next.
        """
        swept = 0
        for left in self._folder.iterdir():
            if left.name in live or not left.is_dir():
                continue
            if left.name in ended or _age_s(left) > _SWEPT_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
                swept += 1
        return swept

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> None:
        with path.open("wb") as file:
            gathered = bytearray()
            async for chunk in chunks:
                gathered += chunk
                if len(gathered) >= _WRITTEN_AT_ONCE:
                    self.require_room()
                    await asyncio.to_thread(file.write, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(file.write, bytes(gathered))

    def _prepare(self, folder: Path, name: str) -> int:
        if name == ARCHIVE:
            total = write_lines(folder, self._limits, self._items_bytes)
        else:
            total = count_lines(folder / LINES, self._limits.max_entries)
        if total == 0:
            raise DamagedArchive("the upload holds no line and no photo")
        return total


def _age_s(folder: Path) -> float:
    """Seconds since anything in it was written; 0 where another process puts it away right now."""
    try:
        return time.time() - max(path.stat().st_mtime for path in [folder, *folder.iterdir()])
    except FileNotFoundError:
        return 0.0


def _publish(writing: Path, folder: Path) -> None:
    """All of it is on disk before it has its name."""
    for path in [*writing.iterdir(), writing]:
        sync(path)
    writing.rename(folder)
    sync(folder.parent)
