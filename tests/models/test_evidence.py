"""Judged comparisons on disk."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import InvalidValue, ModelFileError
from models.evidence import Evidence, load_evidence, save_evidence


def evidence(rows: int = 3) -> Evidence:
    """A few comparisons with nothing special about them."""
    return Evidence(
        query=np.arange(rows, dtype=np.int32),
        group=np.array(["dress"] * rows),
        copied=np.ones(rows, bool),
        original=np.ones(rows, bool),
        altered=np.zeros((rows, 5), bool),
        cosines=np.full((rows, 5), np.nan, np.float32),
        shifts=np.zeros((rows, 5), np.float32),
        colours=np.zeros(rows, np.float32),
        ours=np.zeros((rows, 5), np.float32),
        theirs=np.zeros((rows, 5), np.float32),
        absent=np.zeros((rows, 5), bool),
    )


def test_evidence_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    """Missing regions stay NaN and groups stay words."""
    save_evidence(evidence(), tmp_path / "e.npz")
    read = load_evidence(tmp_path / "e.npz")
    assert read.group.tolist() == ["dress"] * 3
    assert np.isnan(read.cosines).all()


def test_evidence_without_rows_is_still_evidence(tmp_path: Path) -> None:
    """Nothing gathered yet is no error of the file."""
    save_evidence(evidence(0), tmp_path / "e.npz")
    assert len(load_evidence(tmp_path / "e.npz").query) == 0


def test_a_file_that_is_no_evidence_is_refused(tmp_path: Path) -> None:
    """Pickled arrays above all: they could run code."""
    np.savez(tmp_path / "other.npz", query=np.arange(3))
    np.savez(tmp_path / "pickled.npz", query=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "pickled.npz", "text.npz", "missing.npz"):
        with pytest.raises(ModelFileError):
            load_evidence(tmp_path / name)


def test_columns_of_different_lengths_are_refused() -> None:
    """A row is one comparison in every column."""
    with pytest.raises(InvalidValue):
        Evidence(**{**{n: getattr(evidence(), n) for n in Evidence.__slots__}, "copied": np.ones(2, bool)})
