"""A catalogue as NDJSON: one add a line, photos in base64, and a last line by which an import is verified."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.progress import Progress
from sqlalchemy import func, select

from index.database import Database
from index.records import ItemRecord
from service.bootstrap_jobs import database_url
from service.cli.adding import AddReport, run_job
from service.cli.connection import Refused, ask
from service.errors import ServiceError
from service.settings import Settings

_NDJSON = {"Content-Type": "application/x-ndjson"}
_DETAILS = ("seller_id", "title", "url", "published_at", "metadata", "disabled_until")
_BYTES_AT_ONCE = 500_000_000
_LINES_AT_ONCE = 10_000
_END = b'{"selvedge_export":'
_ASKED_AGAIN = 3
"""Times that a photo is asked for while its item has it: it may have come back between the two questions."""


class ExportUnusable(ServiceError, ValueError):
    """The file is no whole export: cut off, altered, or of something else."""


@dataclass(frozen=True, slots=True)
class ExportEnd:
    """The last line: how much the others hold, and the sha256 of them all."""

    items: int
    photos: int
    sha256: str

    def line(self) -> bytes:
        return json.dumps(
            {"selvedge_export": 1, "items": self.items, "photos": self.photos, "sha256": self.sha256}
        ).encode()


async def export_items(client: httpx.AsyncClient, path: Path, tick: Callable[[], None]) -> ExportEnd:
    """Write every photo of every item but those that are deleted meanwhile; the file has its name once it is whole."""
    unfinished = path.with_name(path.name + ".unfinished")
    digest = hashlib.sha256()
    held: dict[str, set[str]] = defaultdict(set)
    with unfinished.open("wb") as file:
        async for item in _items(client):
            for photo in item["photos"]:
                if (content := await _line_of(client, item, photo)) is not None:
                    line = json.dumps(content, ensure_ascii=False).encode() + b"\n"
                    digest.update(line)
                    await asyncio.to_thread(file.write, line)
                    held[item["item_id"]].add(content["sha256"])
                tick()
        end = ExportEnd(len(held), sum(map(len, held.values())), digest.hexdigest())
        file.write(end.line() + b"\n")
    unfinished.replace(path)
    return end


def read_end(path: Path) -> tuple[ExportEnd, dict[str, set[str]]]:
    """The last line, and the photo hashes of each item, of a file that is whole. Raises ExportUnusable."""
    digest = hashlib.sha256()
    held: dict[str, set[str]] = defaultdict(set)
    last = b""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.startswith(_END):
                last = line
                break
            digest.update(line)
            try:
                content = json.loads(line)
                held[content["item_id"]].add(content["sha256"])
            except (ValueError, KeyError, TypeError) as error:
                raise ExportUnusable(f"{path}, line {number} is no line of an export") from error
        rest = file.read(1)
    try:
        said = json.loads(last)
        end = ExportEnd(int(said["items"]), int(said["photos"]), str(said["sha256"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ExportUnusable(f"{path} has no last line of an export: it was cut off") from error
    found = ExportEnd(len(held), sum(map(len, held.values())), digest.hexdigest())
    if found != end or rest:
        raise ExportUnusable(f"{path} was altered: it says {end}, and holds {found}")
    return end, held


def items_by_tenant(settings: Settings) -> dict[str, int]:
    """How many items each tenant has in the record, by name. Raises IndexUnavailable."""
    with closing(Database(database_url(settings))) as database, database.reading() as connection:
        counted = select(ItemRecord.tenant, func.count().label("items")).group_by(ItemRecord.tenant)
        return {row.tenant: row.items for row in connection.execute(counted.order_by(ItemRecord.tenant))}


async def import_items(client: httpx.AsyncClient, path: Path, end: ExportEnd, progress: Progress) -> AddReport:
    """Register what an export holds, in jobs of a size that any service takes; again, it changes nothing."""
    report = AddReport()
    position = 0
    while True:
        done = report.created + report.known + len(report.failed)
        stop, lines = await asyncio.to_thread(_parcel_from, path, position)
        if not lines:
            return report
        body = _part_of(path, position, stop)
        job = await run_job(client, "/index/bulk", body, _NDJSON, progress, "importing", (done, end.photos))
        report.take(job, lambda error: str(error["item_id"]))
        position = stop


async def missing_photos(
    client: httpx.AsyncClient, held: dict[str, set[str]], tick: Callable[[], None]
) -> list[tuple[str, str]]:
    """(item id, sha256) of what an export holds and the record does not, once all of it was compared."""
    missing = {item_id: set(hashes) for item_id, hashes in held.items()}
    async for item in _items(client):
        if item["item_id"] in missing:
            missing[item["item_id"]] -= {photo["image"]["sha256"] for photo in item["photos"]}
        tick()
    return [(item_id, sha256) for item_id, hashes in missing.items() for sha256 in sorted(hashes)]


async def _items(client: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await ask(client, "GET", "/index/items", params=query)).json()
        for item in page["items"]:
            yield item
        if (cursor := page["next_cursor"]) is None:
            return


async def _line_of(client: httpx.AsyncClient, item: dict[str, Any], photo: dict[str, Any]) -> dict[str, Any] | None:
    """An add that makes this photo of this item again, with the same garment as its design; None where it is gone."""
    data = await _bytes_of(client, item["item_id"], photo["photo_id"])
    if data is None:
        return None
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != photo["image"]["sha256"]:
        raise ExportUnusable(f"the photo {photo['photo_id']} of {item['item_id']} is damaged in the data dir")
    line = {"item_id": item["item_id"]} | {name: item[name] for name in _DETAILS if item.get(name)}
    designs = [g["category"] for g, chosen in zip(photo["garments"], photo["is_design"], strict=True) if chosen]
    line |= {"category": designs[0]} if designs else {}
    return line | {"sha256": sha256, "image_base64": base64.b64encode(data).decode()}


async def _bytes_of(client: httpx.AsyncClient, item_id: str, photo_id: str) -> bytes | None:
    """A photo as it was uploaded; None where it was deleted since it was listed.

    Raises ExportUnusable where it is listed and its file is missing.
    """
    place = f"/index/items/{quote(item_id, safe='')}"
    for _ in range(_ASKED_AGAIN):
        data = await _if_there(client, f"{place}/photos/{photo_id}")
        if data is not None:
            return data.content
        item = await _if_there(client, place)
        if item is None or photo_id not in [photo["photo_id"] for photo in item.json()["photos"]]:
            return None
    raise ExportUnusable(f"the photo {photo_id} of {item_id} is missing in the data dir")


async def _if_there(client: httpx.AsyncClient, path: str) -> httpx.Response | None:
    """None for 404. Raises Refused for all else, Unreachable."""
    try:
        return await ask(client, "GET", path)
    except Refused as error:
        if error.status == httpx.codes.NOT_FOUND:
            return None
        raise


def _parcel_from(path: Path, position: int) -> tuple[int, int]:
    """Where an upload that begins at a byte of an export ends, and how many lines it has."""
    lines = 0
    with path.open("rb") as file:
        file.seek(position)
        while file.tell() - position < _BYTES_AT_ONCE and lines < _LINES_AT_ONCE:
            start = file.tell()
            line = file.readline()
            if not line or line.startswith(_END):
                return start, lines
            lines += 1
        return file.tell(), lines


async def _part_of(path: Path, start: int, stop: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while (left := stop - file.tell()) > 0:
            yield await asyncio.to_thread(file.read, min(1_000_000, left))
