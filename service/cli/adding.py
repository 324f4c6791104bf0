"""`selvedge add`: registers photos as jobs, with a progress bar and the failures listed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.connection import Refused, ask
from service.cli.uploads import NothingToAdd, file_chunks, names_of, parcels, photos_at, zip_chunks

_ZIP = {"Content-Type": "application/zip"}
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


@dataclass(slots=True)
class AddReport:
    """What became of the files: how many were new, known before, and (file, reason) of those refused."""

    created: int = 0
    known: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def take(
        self, job: dict[str, Any], name_of: Callable[[dict[str, Any]], str], reasons: Mapping[str, str] | None = None
    ) -> None:
        """Count a job that is at its end in; `reasons` are better ones for some of its files."""
        self.created += job["created"]
        self.known += job["done"] - job["created"] - job["failed"]
        for error in job["errors"]:
            reason = (reasons or {}).get(error["file"], f"{error['detail']} ({error['code']})")
            self.failed.append((name_of(error), reason))

    def show(self) -> None:
        Console().print(f"{self.created} registered, {self.known} known before, {len(self.failed)} refused")
        for file, reason in self.failed:
            Console(stderr=True).print(f"{file}: {reason}", style="red", markup=False, highlight=False)


async def add_path(
    client: httpx.AsyncClient, path: Path, item_id: str | None, details: dict[str, str], progress: Progress
) -> AddReport:
    """Register a photo, or what a folder, a CSV or a ZIP holds; a refused photo does not stop the rest.

    Raises NothingToAdd, Refused where an upload as a whole is refused.
    """
    kind = path.suffix.lower() if await asyncio.to_thread(path.is_file) else "folder"
    if kind == ".zip":
        if details or item_id is not None:
            raise NothingToAdd("a ZIP says itself what its photos are, in items.csv: leave the options out")
        report = AddReport()
        job = await run_job(client, "/index/bulk", file_chunks(path), _ZIP, progress, path.name)
        report.take(job, lambda error: str(error["file"] or f"line {error['line']}"))
        return report
    photos = photos_at(path, item_id)
    if kind not in ("folder", ".csv"):
        return await _add_one(client, path, details | {"item_id": photos[0].item_id})
    report = AddReport()
    for parcel in parcels(photos):
        named = names_of(parcel)
        done = report.created + report.known + len(report.failed)
        unread: dict[str, str] = {}
        body = zip_chunks(named, details, unread)
        job = await run_job(client, "/index/bulk", body, _ZIP, progress, "registering", (done, len(photos)))
        report.take(job, lambda error, named=named: str(named[error["file"]].path), unread)  # type: ignore[misc]
    return report


async def run_job(
    client: httpx.AsyncClient,
    route: str,
    body: AsyncIterator[bytes],
    headers: dict[str, str],
    progress: Progress,
    what: str,
    whole: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Upload a job and follow it to its end; with all its refused lines as `errors`.

    Stopped meanwhile, the job goes on wherever the service does. `whole`: lines done before, and of all jobs together.
    """
    bar = progress.add_task(f"{what}: sending", total=None)
    job: dict[str, Any] = (await ask(client, "POST", route, content=body, headers=headers)).json()
    before, total = whole or (0, job["total"])
    progress.update(bar, description=f"{what} ({job['job_id']})", total=total, completed=before)
    path, pause_s = f"/jobs/{job['job_id']}", _FIRST_PAUSE_S
    while job["status"] in ("queued", "running"):
        await asyncio.sleep(pause_s)
        pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)
        job = (await ask(client, "GET", path, params={"limit": 200})).json()
        progress.update(bar, completed=before + job["done"])
    if job["status"] != "done":
        raise Refused(409, job["status"], f"job {job['job_id']}: {job['failure'] or 'it was cancelled'}")
    page = job
    while page["next_cursor"] is not None:
        page = (await ask(client, "GET", path, params={"limit": 200, "cursor": page["next_cursor"]})).json()
        job["errors"] += page["errors"]
    progress.remove_task(bar)
    return job


async def _add_one(client: httpx.AsyncClient, path: Path, fields: dict[str, str]) -> AddReport:
    report = AddReport()
    try:
        upload = {"image": (path.name, await asyncio.to_thread(path.read_bytes))}
        response = await ask(client, "POST", "/index/add", data=fields, files=upload)
    except (Refused, OSError) as error:
        report.failed.append((str(path), str(error)))
    else:
        created = response.status_code == httpx.codes.CREATED
        report.created, report.known = int(created), int(not created)
    return report


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True
    )
