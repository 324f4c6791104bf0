"""The live delta of a group: a few rows as float32 in a buffer with room to grow, appended to without copying."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from index.labels import Flags, Ids

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.float16]

ROOM = 512
"""Rows of a new buffer; a fuller one is left to the searches that still look at it and copied once."""


class _Buffer:
    """Rows that have been handed out never change; `filled` is written by the one writer alone."""

    def __init__(self, rows: Floats) -> None:
        self.vectors = np.empty((max(ROOM, 2 * len(rows)), rows.shape[1]), dtype=np.float32)
        self.vectors[: len(rows)] = rows
        self.filled = len(rows)


class LooseRows:
    """The first rows of a buffer, rounded to fp16 as they will be when sealed, so that no score changes then."""

    def __init__(self, codes: Codes) -> None:
        self._buffer = _Buffer(codes.astype(np.float32))
        self._count = len(codes)

    def __len__(self) -> int:
        return self._count

    def followed_by(self, codes: Codes) -> LooseRows:
        """These rows and more: in the room behind them, unless another value took that already."""
        buffer, end = self._buffer, self._count + len(codes)
        if buffer.filled != self._count or end > len(buffer.vectors):
            return LooseRows(np.concatenate([self.codes(), codes]))
        buffer.vectors[self._count : end] = codes
        buffer.filled = end
        longer = LooseRows.__new__(LooseRows)
        longer._buffer, longer._count = buffer, end
        return longer

    refined = False

    @property
    def parts(self) -> tuple[slice, ...]:
        """One: there are few."""
        return (slice(0, self._count),)

    def codes(self) -> Codes:
        """float16 (n, R·D)."""
        return self._vectors.astype(np.float16)

    def top(self, queries: Floats, allowed: Flags | None, count: int, part: int = 0) -> tuple[Floats, Ids]:
        """As `blocks.Rows` says."""
        del part
        scores = queries @ self._vectors.T
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        scores = np.take_along_axis(scores, rows, axis=1)
        return scores, np.where(np.isneginf(scores), -1, rows)

    def exact(self, queries: Floats, rows: Ids) -> Floats:
        """As `blocks.Rows` says."""
        return np.asarray(np.einsum("nd,nd->n", queries, self._vectors[rows]))

    @property
    def _vectors(self) -> Floats:
        return self._buffer.vectors[: self._count]
