"""`selvedge add`: registers photos, with a progress bar and the failures listed at the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.connection import Refused, ask
from service.errors import ServiceError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})


class NothingToAdd(ServiceError, ValueError):
    """The path is no photo and no folder with photos."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo to register under an item id."""

    item_id: str
    path: Path


@dataclass(slots=True)
class AddReport:
    """What became of the files: how many were new, known before, and (file, reason) of those refused."""

    created: int = 0
    known: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)


def photos_at(path: Path, item_id: str | None) -> list[PhotoFile]:
    """The photos of a file or folder (subfolders too), sorted; in a folder the file's stem is the item id.

    Raises NothingToAdd.
    """
    if path.is_file():
        return [PhotoFile(item_id or path.stem, path)]
    if not path.is_dir():
        raise NothingToAdd(f"{path} does not exist")
    if item_id is not None:
        raise NothingToAdd("--item-id names one item: use it with a file, not with a folder")
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES and file.is_file())
    if not found:
        raise NothingToAdd(f"no JPEG, PNG, WebP or GIF under {path}")
    return [PhotoFile(file.stem, file) for file in found]


async def add_photos(
    client: httpx.AsyncClient, photos: list[PhotoFile], details: dict[str, str], progress: Progress
) -> AddReport:
    """Register one photo after the other; a refused one does not stop the rest."""
    report = AddReport()
    task = progress.add_task("registering", total=len(photos))
    for photo in photos:
        progress.update(task, description=photo.item_id)
        try:
            # Read here, not before: a folder may hold more than fits into memory.
            upload = {"image": (photo.path.name, await asyncio.to_thread(photo.path.read_bytes))}
            response = await ask(client, "POST", "/index/add", data=details | {"item_id": photo.item_id}, files=upload)
        except (Refused, OSError) as error:
            report.failed.append((photo.path, str(error)))
        else:
            if response.status_code == httpx.codes.CREATED:
                report.created += 1
            else:
                report.known += 1
        progress.advance(task)
    progress.update(task, description="done")
    return report


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True
    )
