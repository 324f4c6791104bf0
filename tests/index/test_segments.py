"""A segment is on disk as a whole, or the write has failed as every other does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.segments import SealedRows, mapped_codes

FULL = Path("/dev/full")
"""Takes every byte as a full disk does: "No space left on device"."""


def rows_of(count: int, columns: int) -> SealedRows:
    return SealedRows(np.arange(count * columns, dtype=np.float16).reshape(count, columns))


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (10, 64), (300, 65), (3, 1280)])
def test_what_was_written_is_mapped_again(tmp_path: Path, count: int, columns: int) -> None:
    """Bit by bit, of any shape."""
    rows = rows_of(count, columns)
    rows.write(tmp_path / "rows.faiss")
    codes, _ = mapped_codes(tmp_path / "rows.faiss", count, columns)
    np.testing.assert_array_equal(codes, rows.codes())


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("count", [10, 5000])
def test_a_full_disk_is_an_error_of_the_system(count: int) -> None:
    """Whether it is noticed while the rows are written, or, of a few, when the file is closed."""
    with pytest.raises(OSError, match=r"No space left|disk may be full"):
        rows_of(count, 64).write(FULL)


def test_a_folder_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    """With what FAISS has to say of it."""
    with pytest.raises(OSError, match="No such file"):
        rows_of(1, 8).write(tmp_path / "gone" / "rows.faiss")
