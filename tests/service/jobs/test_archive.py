"""ZIPs of strangers: what could hurt is refused by name before a byte of it is unpacked."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import (
    ArchiveBomb,
    DamagedArchive,
    NestedArchive,
    RequestError,
    TooManyLines,
    UnsafeArchive,
    UploadTooLarge,
)
from service.jobs.archive import ArchiveLimits, files_in, open_archive, read_file

LIMITS = ArchiveLimits(max_entries=10, max_ratio=100.0)


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info


def zip_file(folder: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = folder / "input.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in entries:
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def refusal(path: Path, limits: ArchiveLimits = LIMITS) -> type[Exception]:
    with pytest.raises(RequestError) as caught:
        open_archive(path, limits)
    return caught.type


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    """Sorted; folders and hidden files do not count."""
    path = zip_file(
        tmp_path, ("b.jpg", b"b"), ("a/", b""), ("a/c.jpg", b"c"), (".DS_Store", b"x"), ("__MACOSX/d", b"x")
    )
    with open_archive(path, LIMITS) as archive:
        assert files_in(archive) == ["a/c.jpg", "b.jpg"]
        assert read_file(archive, "a/c.jpg", 1) == b"c"
        with pytest.raises(KeyError):
            read_file(archive, "gone.jpg", 1)


@pytest.mark.parametrize(
    "name", ["../a.jpg", "a/../../b.jpg", "/etc/passwd", "C:/a.jpg", "a\\..\\b.jpg", "..", "a\0.jpg", "\\\\host\\a.jpg"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """However they are written."""
    assert refusal(zip_file(tmp_path, (entry(name), b"x"))) is UnsafeArchive


def test_links_and_doubled_names_are_refused(tmp_path: Path) -> None:
    """What a name means would depend on who reads it."""
    assert refusal(zip_file(tmp_path, (entry("a.jpg", stat.S_IFLNK | 0o777), b"/etc/passwd"))) is UnsafeArchive
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zip_file(tmp_path, ("a.jpg", b"1"), ("a.jpg", b"2"))
    assert refusal(path) is UnsafeArchive


@pytest.mark.parametrize("name", ["more.zip", "more.ZIP", "a/more.tar.gz", "more.7z"])
def test_an_archive_inside_is_refused(tmp_path: Path, name: str) -> None:
    """By its name; any other bytes in there are no photo, and are told as that."""
    assert refusal(zip_file(tmp_path, (name, b"PK\3\4"))) is NestedArchive


def test_bombs_are_refused_before_they_unfold(tmp_path: Path) -> None:
    """One file of zeros, or many that are each within bounds."""
    assert refusal(zip_file(tmp_path, ("a.jpg", bytes(2_000_000)))) is ArchiveBomb
    many = [(f"{n}.jpg", bytes(900_000)) for n in range(9)]
    assert refusal(zip_file(tmp_path, *many)) is ArchiveBomb


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    """Many entries of one and the same content (Fifield's bomb)."""
    path = zip_file(tmp_path, ("a.jpg", bytes(range(256)) * 100), *((f"{n}.jpg", b"x") for n in range(8)))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    first = data[at + 20 : at + 28]
    while (at := data.find(b"PK\1\2", at + 1)) > 0:
        data[at + 20 : at + 28] = first
        data[at + 42 : at + 46] = struct.pack("<L", 0)
    path.write_bytes(data)
    assert refusal(path) in (ArchiveBomb, DamagedArchive)


def test_a_size_that_lies_unfolds_no_further_than_asked(tmp_path: Path) -> None:
    """The entry says 10 bytes; there are more."""
    path = zip_file(tmp_path, ("a.jpg", bytes(50_000)))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    with open_archive(path, LIMITS) as archive, pytest.raises((UploadTooLarge, DamagedArchive)):
        read_file(archive, "a.jpg", 1_000)
    with open_archive(zip_file(tmp_path, ("a.jpg", bytes(50_000))), LIMITS) as archive, pytest.raises(UploadTooLarge):
        read_file(archive, "a.jpg", 1_000)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """Also where only the directory's size says so, which would be read into memory whole."""
    assert refusal(zip_file(tmp_path, *((f"{n}", b"x") for n in range(11)))) is TooManyLines
    path = zip_file(tmp_path, ("a.jpg", b"x"))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\5\6")
    data[at + 12 : at + 16] = struct.pack("<L", 500_000_000)
    path.write_bytes(data)
    assert refusal(path) is TooManyLines


def test_encrypted_and_unknown_packing_are_refused(tmp_path: Path) -> None:
    """Nothing asks for a password."""
    path = zip_file(tmp_path, ("a.jpg", b"x"))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert refusal(path) is DamagedArchive
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.jpg", b"x")
    assert refusal(path) is DamagedArchive


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"no archive", b"PK\5\6" + bytes(10)])
def test_what_is_no_zip_is_said_to_be_damaged(tmp_path: Path, data: bytes) -> None:
    """Not a traceback."""
    path = tmp_path / "input.zip"
    path.write_bytes(data)
    assert refusal(path) is DamagedArchive


def _valid() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(3):
            archive.writestr(f"{n}.jpg", bytes(range(256)) * 3)
    return out.getvalue()


VALID = _valid()


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_zip_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    """Whichever bytes are wrong: no other exception, and no more than asked for."""
    data = bytearray(VALID)
    for at, value in changes:
        data[at] = value
    path = tmp_path_factory.mktemp("damaged") / "input.zip"
    path.write_bytes(data)
    try:
        with open_archive(path, LIMITS) as archive:
            for name in files_in(archive):
                assert len(read_file(archive, name, 2_000)) <= 2_000
    except RequestError:
        pass
