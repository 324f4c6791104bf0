"""ZIPs of strangers: looked over before anything in them is read, and never unpacked onto the disk."""

from __future__ import annotations

import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from service.errors import ArchiveBomb, DamagedArchive, NestedArchive, TooManyLines, UnsafeArchive, UploadTooLarge

_ARCHIVES = frozenset({".zip", ".jar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_READABLE = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_SMALL = 1_000_000
"""What is smaller may be packed as tightly as it likes."""
_END = struct.Struct("<4s4H2LH")
_LONGEST_END = _END.size + 0xFFFF
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_ENTRY = 1_000
"""Bytes of the directory an entry, on average: names of a few hundred characters fit."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`max_ratio`: how many times its packed size a file, and the whole, may have."""

    max_entries: int
    max_ratio: float


def open_archive(path: Path, limits: ArchiveLimits) -> zipfile.ZipFile:
    """The ZIP, after its directory was looked over; no file in it has been read.

    Raises DamagedArchive, UnsafeArchive, NestedArchive, ArchiveBomb, TooManyLines.
    """
    try:
        with path.open("rb") as file:
            _refuse_large_directory(file, limits)
        archive = zipfile.ZipFile(path)
    except TooManyLines:
        raise
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise DamagedArchive(f"this ZIP cannot be read: {error}") from error
    try:
        _refuse_unsafe(archive, path.stat().st_size, limits)
    except BaseException:
        archive.close()
        raise
    return archive


def files_in(archive: zipfile.ZipFile) -> list[str]:
    """Names of the files, sorted; folders and what systems leave behind (`__MACOSX`, `.DS_Store`) do not count."""
    return sorted(
        entry.filename
        for entry in archive.infolist()
        if not entry.is_dir()
        and not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(entry.filename).parts)
    )


def read_file(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """A file's bytes, whatever its entry promised. Raises KeyError, UploadTooLarge, DamagedArchive."""
    try:
        with archive.open(name) as file:
            data = file.read(max_bytes + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise DamagedArchive(f"{name} is damaged: {error}") from error
    if len(data) > max_bytes:
        raise UploadTooLarge(f"{name} has more than {max_bytes} bytes")
    return data


def _refuse_large_directory(file: BinaryIO, limits: ArchiveLimits) -> None:
    """The standard library reads the whole directory into memory, so its size is looked at before."""
    size = file.seek(0, 2)
    start = max(0, size - _LONGEST_END)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile("it has no end")
    _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, at)
    if 0xFFFF in (entries,) or directory_bytes == 0xFFFFFFFF:
        file.seek(max(0, start + at - _LOCATOR.size))
        locator = file.read(_LOCATOR.size)
        if locator[:4] == b"PK\6\7":
            file.seek(_LOCATOR.unpack(locator)[2])
            end = _END_64.unpack(file.read(_END_64.size))
            entries, directory_bytes = end[7], end[8]
    # Folders are entries too, and cost nothing.
    most = 2 * limits.max_entries
    if entries > most or directory_bytes > most * _LONGEST_ENTRY:
        raise TooManyLines(f"the ZIP has {entries} entries; at most {limits.max_entries} files are accepted")


def _refuse_unsafe(archive: zipfile.ZipFile, size: int, limits: ArchiveLimits) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > limits.max_entries:
        raise TooManyLines(f"the ZIP has {len(entries)} files; at most {limits.max_entries} are accepted")
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise UnsafeArchive("the ZIP has two files of the same name")
    for entry in archive.infolist():
        _refuse_name(entry)
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise DamagedArchive(f"{entry.filename!r} is encrypted")
        if entry.compress_type not in _READABLE:
            raise DamagedArchive(f"{entry.filename!r} is packed by another method than deflate")
        if PurePosixPath(entry.filename).suffix.lower() in _ARCHIVES:
            raise NestedArchive(f"{entry.filename!r} is an archive inside the archive")
        if entry.file_size > max(_SMALL, limits.max_ratio * entry.compress_size):
            raise ArchiveBomb(f"{entry.filename!r} unfolds to more than {limits.max_ratio:g} times its size")
    packed, unpacked = sum(e.compress_size for e in entries), sum(e.file_size for e in entries)
    if packed > size or unpacked > max(_SMALL, limits.max_ratio * size):
        raise ArchiveBomb("the files of the ZIP overlap, or unfold to far more than it is")


def _refuse_name(entry: zipfile.ZipInfo) -> None:
    """As it was written: the standard library cuts at NUL and turns backslashes where the system does."""
    name = entry.orig_filename
    drive = len(name) > 1 and name[1] == ":"
    if drive or not name or name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
        raise UnsafeArchive(f"{name!r} is no name of a file inside an archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UnsafeArchive(f"{name!r} is a link")
