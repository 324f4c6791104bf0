"""Lines are found again from any position, with their numbers, whatever stands between them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DamagedArchive, MalformedRequest, TooManyLines, UploadTooLarge
from service.jobs.archive import ArchiveLimits
from service.jobs.lines import ARCHIVE, FIELDS_BYTES, LINES, LineReader, count_lines, write_lines

LIMITS = ArchiveLimits(1_000, 100.0)


@given(st.lists(st.sampled_from(["", "  ", '{"item_id": "a"}', "no json", "[1]", '{"item_id": "ü"}'])), st.booleans())
def test_reading_goes_on_where_it_was(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], ends_with_newline: bool
) -> None:
    """Reading in two parts, cut after any line, is reading once; blank lines are neither counted nor read."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / LINES).write_text("\n".join(written) + ("\n" if ends_with_newline else ""))
    with LineReader(folder, 0, 100) as reader:
        whole = reader.take(1_000)
    assert [line.number for line in whole] == [n for n, text in enumerate(written, 1) if text.strip()]
    assert count_lines(folder / LINES, 1_000) == len(whole)
    for cut, line in enumerate(whole, 1):
        with LineReader(folder, line.end, 100) as reader:
            rest = reader.take(1_000)
        assert [(r.number, r.end, r.fields) for r in rest] == [(w.number, w.end, w.fields) for w in whole[cut:]]


def test_a_line_that_is_too_long_is_skipped_and_told(tmp_path: Path) -> None:
    """The next one is read all the same."""
    (tmp_path / LINES).write_text('{"x": "' + "a" * (FIELDS_BYTES + 5_000_000) + '"}\n{"item_id": "b"}\n')
    with LineReader(tmp_path, 0, 100) as reader:
        first, second = reader.take(10)
    assert isinstance(first.problem, UploadTooLarge)
    assert (second.number, second.fields) == (2, {"item_id": "b"})


def test_lines_are_counted_over_the_limit(tmp_path: Path) -> None:
    (tmp_path / LINES).write_text("{}\n" * 11)
    assert count_lines(tmp_path / LINES, 11) == 11
    with pytest.raises(TooManyLines):
        count_lines(tmp_path / LINES, 10)


def make_zip(folder: Path, **files: str) -> None:
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", ".", 1), content)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"items_csv": "item_id,title\nSKU-1,x\n"}, MalformedRequest),
        ({"items_csv": ""}, MalformedRequest),
        ({"items_csv": 'file,title\na.jpg,"open\n'}, MalformedRequest),
        ({"items_csv": "file\na.jpg,b,c\n"}, MalformedRequest),
        ({"items_ndjson": '{"file": "a.jpg"}\nno json\n'}, MalformedRequest),
        ({"items_csv": "file\n", "items_ndjson": ""}, MalformedRequest),
    ],
)
def test_an_items_file_that_cannot_be_read_is_refused_as_a_whole(
    tmp_path: Path, files: dict[str, str], error: type[Exception]
) -> None:
    """Nobody wants half of a broken table."""
    make_zip(tmp_path, **files)
    with pytest.raises(error):
        write_lines(tmp_path, LIMITS, 1_000)


def test_an_items_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """A byte order mark, which spreadsheets write, is no error."""
    with zipfile.ZipFile(tmp_path / ARCHIVE, "w") as archive:
        archive.writestr("items.csv", "file,title\na.jpg,Grün\n".encode("latin-1"))
    with pytest.raises(DamagedArchive):
        write_lines(tmp_path, LIMITS, 1_000)
    with zipfile.ZipFile(tmp_path / ARCHIVE, "w") as archive:
        archive.writestr("items.csv", "file,title\r\na.jpg,Grün\r\n".encode("utf-8-sig"))
        archive.writestr("a.jpg", b"photo")
    assert write_lines(tmp_path, LIMITS, 1_000) == 1
    with LineReader(tmp_path, 0, 100) as reader:
        (line,) = reader.take(10)
        assert (line.number, line.file, line.fields) == (2, "a.jpg", {"item_id": "a", "title": "Grün"})
        assert reader.photo(line) == b"photo"


def test_rows_that_are_no_objects_are_told_line_by_line(tmp_path: Path) -> None:
    make_zip(tmp_path, items_ndjson=json.dumps([1]) + "\n" + json.dumps({"file": 3}) + "\n")
    assert write_lines(tmp_path, LIMITS, 1_000) == 2
    with LineReader(tmp_path, 0, 100) as reader:
        first, second = reader.take(10)
    assert isinstance(first.problem, MalformedRequest)
    assert second.file is None
