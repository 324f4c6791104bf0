"""What `selvedge add` sends: a folder or a table of photos as ZIPs that are made while they are sent."""

from __future__ import annotations

import asyncio
import csv
import json
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from service.errors import ServiceError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
_CHUNK = 1_000_000
_PHOTOS_AT_ONCE = 10_000
_BYTES_AT_ONCE = 1_000_000_000


class NothingToAdd(ServiceError, ValueError):
    """The path is no photo, no folder with photos, no table of photos and no ZIP."""


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo to register under an item id; `details` are further fields of the add."""

    item_id: str
    path: Path
    details: Mapping[str, str] = field(default_factory=dict)


def photos_at(path: Path, item_id: str | None) -> list[PhotoFile]:
    """The photos of a file, a CSV or a folder (subfolders too, sorted); the file's stem is the item id.

    Raises NothingToAdd.
    """
    if path.is_file() and path.suffix.lower() != ".csv":
        return [PhotoFile(item_id or path.stem, path)]
    if not path.exists():
        raise NothingToAdd(f"{path} does not exist")
    if item_id is not None:
        raise NothingToAdd("--item-id names one item: use it with a photo, not with a folder or a table")
    if path.is_file():
        return _photos_in_table(path)
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES and file.is_file())
    if not found:
        raise NothingToAdd(f"no JPEG, PNG, WebP or GIF under {path}")
    return [PhotoFile(file.stem, file) for file in found]


def parcels(photos: Sequence[PhotoFile]) -> Iterator[list[PhotoFile]]:
    """Cut into uploads of a size that any service takes."""
    parcel: list[PhotoFile] = []
    size = 0
    for photo in photos:
        bytes_of_photo = photo.path.stat().st_size if photo.path.is_file() else 0
        if parcel and (len(parcel) == _PHOTOS_AT_ONCE or size + bytes_of_photo > _BYTES_AT_ONCE):
            yield parcel
            parcel, size = [], 0
        parcel.append(photo)
        size += bytes_of_photo
    if parcel:
        yield parcel


def names_of(photos: Sequence[PhotoFile]) -> dict[str, PhotoFile]:
    """Name in the ZIP → photo: numbered, since paths of this machine may say nothing inside a ZIP."""
    return {f"{number}{photo.path.suffix.lower()}": photo for number, photo in enumerate(photos, 1)}


async def zip_chunks(
    named: Mapping[str, PhotoFile], details: Mapping[str, str], unread: dict[str, str]
) -> AsyncIterator[bytes]:
    """The ZIP as it grows: a photo is read when its turn comes, and never lies in memory with another.

    A photo that cannot be read is left out, so that its line alone is refused; `unread` is told why, by name.
    """
    sink = _Sink()
    items = [{"file": name, "item_id": photo.item_id, **details, **photo.details} for name, photo in named.items()]
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]
        archive.writestr("items.ndjson", "".join(json.dumps(item) + "\n" for item in items), zipfile.ZIP_DEFLATED)
        for name, photo in named.items():
            try:
                archive.writestr(name, await asyncio.to_thread(photo.path.read_bytes))
            except OSError as error:
                unread[name] = str(error)
                continue
            yield sink.taken()
    yield sink.taken()


async def file_chunks(path: Path) -> AsyncIterator[bytes]:
    """A file as it is."""
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


class _Sink:
    """What zipfile writes to; it cannot seek, so the ZIP tells sizes after each file."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        found = bytes(self._buffer)
        self._buffer.clear()
        return found


def _photos_in_table(path: Path) -> list[PhotoFile]:
    """Rows of a CSV with a column `file`, relative to the CSV; other columns are fields of an add."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if not reader.fieldnames or "file" not in reader.fieldnames:
                raise NothingToAdd(f"{path}: its first line names the columns, `file` among them")
            rows: list[dict[Any, Any]] = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise NothingToAdd(f"{path}, line {reader.line_num}: {error}") from error
    found = []
    for number, row in enumerate(rows, 2):
        name = row.pop("file")
        if None in row or not name:
            raise NothingToAdd(f"{path}, row {number}: more cells than columns, or no `file`")
        item_id = row.pop("item_id", None) or PurePosixPath(name).stem
        found.append(PhotoFile(item_id, path.parent / name, {key: cell for key, cell in row.items() if cell}))
    if not found:
        raise NothingToAdd(f"{path} has no rows")
    return found
