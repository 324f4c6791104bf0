"""The lines of an upload: an NDJSON file is one already; of a ZIP one is made, so that both are read alike."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import os
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from service.errors import DamagedArchive, InvalidField, MalformedRequest, TooManyLines, UploadTooLarge
from service.jobs.archive import ArchiveLimits, files_in, open_archive, read_file

ARCHIVE = "input.zip"
LINES = "lines.ndjson"
ITEM_FILES = ("items.ndjson", "items.csv")
FIELDS_BYTES = 1_000_000
"""Room of a line for everything that is no photo."""
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `number` in the caller's file, `end` the byte after it, `file` inside a ZIP.

    `problem` instead of `fields` where it cannot be read.
    """

    number: int
    end: int
    file: str | None
    fields: Mapping[str, Any]
    problem: Exception | None = None


def write_lines(folder: Path, limits: ArchiveLimits, items_bytes: int) -> int:
    """Make the line file of the ZIP in a job's folder; how many lines there are.

    Raises what `open_archive` raises, MalformedRequest for an items file that cannot be read, UploadTooLarge.
    """
    with open_archive(folder / ARCHIVE, limits) as archive, (folder / LINES).open("w", encoding="utf-8") as out:
        files = files_in(archive)
        named = [name for name in ITEM_FILES if name in files]
        if len(named) > 1:
            raise MalformedRequest("the ZIP has both items.ndjson and items.csv; send one of them")
        if named:
            text = _decoded(read_file(archive, named[0], items_bytes), named[0])
            entries = _rows_of_ndjson(text) if named[0].endswith(".ndjson") else _rows_of_csv(text)
        else:
            entries = ((number, {"file": name}) for number, name in enumerate(files, 1))
        count = 0
        for number, fields in entries:
            count += 1
            if count > limits.max_entries:
                raise TooManyLines(f"more than {limits.max_entries} lines")
            out.write(json.dumps({"line": number, "fields": fields}) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return count


def count_lines(path: Path, most: int) -> int:
    """Lines of an NDJSON file that are not blank. Raises TooManyLines."""
    count = 0
    with path.open("rb") as file:
        blank = True
        while chunk := file.read(_CHUNK):
            parts = chunk.split(b"\n")
            for n, part in enumerate(parts):
                blank = blank and not part.strip()
                if n < len(parts) - 1:
                    count += not blank
                    blank = True
            if count > most:
                raise TooManyLines(f"more than {most} lines")
    return count + (not blank)


class LineReader:
    """Reads a job's lines from a byte position on, and the photos that they name; may be used from any thread."""

    def __init__(self, folder: Path, position: int, max_photo_bytes: int) -> None:
        self._archive = zipfile.ZipFile(folder / ARCHIVE) if (folder / ARCHIVE).exists() else None
        self._unpacking = threading.Lock()  # zipfile counts its readers without one
        self._max_photo_bytes = max_photo_bytes
        self._number = 0 if self._archive is not None else _newlines_before(folder / LINES, position)
        self._file = (folder / LINES).open("rb")
        self._file.seek(position)

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        if self._archive is not None:
            self._archive.close()

    def take(self, most: int) -> list[Line]:
        """The next lines; none at the end."""
        found: list[Line] = []
        while len(found) < most and (line := self._next()) is not None:
            found.append(line)
        return found

    def photo(self, line: Line) -> bytes | None:
        """The photo that a line carries or names in its ZIP; None where it has a URL or nothing at all.

        Raises InvalidField, UploadTooLarge, DamagedArchive.
        """
        if "image_base64" in line.fields:
            return _from_base64(line.fields["image_base64"])
        if self._archive is None or "image_url" in line.fields:
            return None
        if not line.file:
            raise InvalidField.at("/file", "which photo of the ZIP it is must be said")
        try:
            with self._unpacking:
                return read_file(self._archive, line.file, self._max_photo_bytes)
        except KeyError as error:
            raise InvalidField.at("/file", f"the ZIP has no {line.file!r}") from error

    def _next(self) -> Line | None:
        most = self._max_photo_bytes * 4 // 3 + FIELDS_BYTES
        while raw := self._file.readline(most + 1):
            self._number += 1
            if len(raw) > most:
                while raw and not raw.endswith(b"\n"):
                    raw = self._file.readline(_CHUNK)
                problem = UploadTooLarge(f"the line has more than {most} bytes")
                return Line(self._number, self._file.tell(), None, {}, problem)
            if raw.strip():
                return self._parsed(raw, self._file.tell())
        return None

    def _parsed(self, raw: bytes, end: int) -> Line:
        number = self._number
        try:
            content = json.loads(raw)
            if self._archive is not None:
                number, content = int(content["line"]), content["fields"]
        except (ValueError, RecursionError) as error:
            return Line(number, end, None, {}, MalformedRequest(f"the line is no JSON: {error}"))
        if not isinstance(content, dict):
            return Line(number, end, None, {}, MalformedRequest("the line is no JSON object"))
        if self._archive is None:
            return Line(number, end, None, content)
        file = content.pop("file", None)
        if isinstance(file, str) and file:
            content = {"item_id": PurePosixPath(file).stem} | content
        return Line(number, end, file if isinstance(file, str) else None, content)


def _rows_of_ndjson(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise MalformedRequest(f"items.ndjson, line {number}: no JSON: {error}") from error


def _rows_of_csv(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Empty cells are left out: they say nothing."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if not reader.fieldnames or "file" not in reader.fieldnames:
            raise MalformedRequest("items.csv: its first line names the columns, `file` among them")
        for row in reader:
            if None in row:
                raise MalformedRequest(f"items.csv, line {reader.line_num}: more cells than columns")
            yield reader.line_num, {name: cell for name, cell in row.items() if cell}
    except csv.Error as error:
        raise MalformedRequest(f"items.csv, line {reader.line_num}: {error}") from error


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedArchive(f"{name} is not UTF-8: {error}") from error


def _from_base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise InvalidField.at("/image_base64", "is no text")
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField.at("/image_base64", f"is no base64: {error}") from error


def _newlines_before(path: Path, position: int) -> int:
    count = 0
    with path.open("rb") as file:
        while position > 0 and (chunk := file.read(min(_CHUNK, position))):
            count += chunk.count(b"\n")
            position -= len(chunk)
    return count
