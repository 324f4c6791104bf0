"""Sealed rows: fp16 codes in one array that nobody changes, which FAISS scans where they lie.

FAISS looks at the array in parts, so that threads share a scan evenly; nothing is copied, whether the array is in
memory or a mapped file. Nothing is ever added to or removed from a FAISS index that is searched: both are unsafe
(measured). The only importer of faiss.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from index.errors import IndexUnavailable, SnapshotUnusable
from index.labels import Flags, Ids
from index.loose_rows import Codes, Floats

PART_ROWS = 16_384
"""About a millisecond of scanning: small enough to share evenly, large enough that handing it over costs little."""
_FP16, _SQ8 = faiss.ScalarQuantizer.QT_fp16, faiss.ScalarQuantizer.QT_8bit


class SealedRows:
    """Rows of FAISS's fp16 scalar quantiser, which adds up in float32. Source: shared/design/index.md, §1."""

    refined = False
    """Whether scores of `top` are coarse, and `exact` has better ones."""

    def __init__(self, codes: Codes, source: Any = None) -> None:
        """`source` is kept as long as these rows: where it owns the codes."""
        self._codes = np.ascontiguousarray(codes)
        self._source = source
        self.parts = tuple(
            slice(first, min(first + PART_ROWS, len(codes))) for first in range(0, max(1, len(codes)), PART_ROWS)
        )
        self._scanned = [self._scanning(self._codes[part]) for part in self.parts]

    def write(self, path: Path) -> None:
        """For `mapped_codes`; the caller makes it durable. Raises OSError where the disk refuses."""
        try:
            faiss.write_index(_looking_at(self._codes), str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error
        # The last bytes go out when FAISS closes the file, and where that fails it tells nobody but stderr.
        written, whole = path.stat().st_size, _bytes_before(self._codes.shape[1]) + self._codes.nbytes
        if written != whole:
            raise OSError(f"{path.name} has {written} bytes, not {whole}: the disk may be full")

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self) -> Codes:
        return self._codes

    def top(self, queries: Floats, allowed: Flags | None, count: int, part: int = 0) -> tuple[Floats, Ids]:
        """As `blocks.Rows` says."""
        first, index = self.parts[part].start, self._scanned[part]
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg,arg-type]
        scores, rows = index.search(queries, min(count, index.ntotal), params=parameters)
        return scores, np.where(rows >= 0, rows + first, -1) if first else rows

    def exact(self, queries: Floats, rows: Ids) -> Floats:
        """float32 (n,): the inner product of each of the queries (n, R·D) with its row."""
        return np.asarray(np.einsum("nd,nd->n", queries, self._codes[rows].astype(np.float32)))

    def _scanning(self, codes: Codes) -> faiss.IndexScalarQuantizer:
        return _looking_at(codes)


class QuantisedRows(SealedRows):
    """Rows that are scanned as 8 bits a number and scored by their fp16 codes, which are best kept in a file."""

    refined = True

    @staticmethod
    def spilled(codes: Codes, folder: Path | None) -> QuantisedRows:
        """With the fp16 codes in a file without a name, which is gone when the process ends.

        Raises IndexUnavailable where the disk refuses.
        """
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                codes.tofile(file)
                file.flush()
                return QuantisedRows(np.memmap(file, dtype=np.float16, mode="r", shape=codes.shape))
        except OSError as error:
            raise IndexUnavailable(f"the vectors could not be kept on disk: {error}") from error

    def _scanning(self, codes: Codes) -> faiss.IndexScalarQuantizer:
        index = faiss.IndexScalarQuantizer(codes.shape[1], _SQ8, faiss.METRIC_INNER_PRODUCT)
        rows = codes.astype(np.float32)
        index.train(rows)
        index.add(rows)
        return index


def mapped_codes(path: Path, rows: int, columns: int) -> tuple[Codes, Any]:
    """Codes in a file, read when they are looked at, and what owns them.

    Raises SnapshotUnusable unless it holds what was said.
    """
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise SnapshotUnusable(f"{path.name} is no segment: {error}") from error
    if not isinstance(index, faiss.IndexScalarQuantizer) or (index.ntotal, index.d) != (rows, columns):
        raise SnapshotUnusable(f"{path.name} does not hold {rows} rows of {columns} numbers")
    if index.sq.qtype != _FP16 or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise SnapshotUnusable(f"{path.name} holds another kind of rows")
    held = faiss.rev_swig_ptr(index.codes.data(), 2 * rows * columns)
    return held.view(np.float16).reshape(rows, columns), index


def scan_alone() -> None:
    """To be called once in each thread that scans: FAISS would otherwise start threads of its own for each of ours."""
    faiss.omp_set_num_threads(1)


def _bytes_before(columns: int) -> int:
    """Of a file of so many columns: those before its codes, which come last."""
    return len(faiss.serialize_index(faiss.IndexScalarQuantizer(columns, _FP16, faiss.METRIC_INNER_PRODUCT)))


def _looking_at(codes: Codes) -> faiss.IndexScalarQuantizer:
    """An index over the codes where they lie; they must outlive it."""
    index = faiss.IndexScalarQuantizer(codes.shape[1], _FP16, faiss.METRIC_INNER_PRODUCT)
    held: Any = faiss.MaybeOwnedVectorUInt8
    nobody: Any = index.codes.owner  # type: ignore[attr-defined]
    index.codes = held.create_view(faiss.swig_ptr(codes.view(np.uint8).reshape(-1)), codes.nbytes, nobody)
    index.ntotal = len(codes)
    return index
