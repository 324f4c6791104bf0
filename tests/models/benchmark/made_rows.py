"""Garments as rows of vectors, made by hand or at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.benchmark.embeddings import Embedded
from models.manifest import TrainingRecord


def rows_of(owners: Sequence[str], vectors: npt.ArrayLike, groups: Sequence[str] | None = None) -> Embedded:
    """`vectors` (N, 2, 5, D); every garment a T-shirt unless `groups` says otherwise."""
    rows = np.asarray(vectors, dtype=np.float32)
    return Embedded(
        rows,
        np.zeros((len(rows), 2, 5, 3), np.float32),
        np.array(owners, dtype=np.str_),
        np.array(["t_shirt"] * len(rows) if groups is None else groups, dtype=np.str_),
        np.ones(len(rows), dtype=np.bool_),
        np.arange(len(rows)),
    )


def along(owners: Sequence[str], axes: Sequence[int], missing: int | None = None) -> Embedded:
    """Garments whose regions all point along one axis; `missing` names a region that none of them shows."""
    vectors = np.zeros((len(owners), 2, 5, 8), dtype=np.float32)
    for row, axis in enumerate(axes):
        vectors[row, :, :, axis] = 1
    if missing is not None:
        vectors[:, :, missing] = 0
    return rows_of(owners, vectors)


def at_random(owners: Sequence[str], seed: int, dimension: int = 6, shown: float = 0.8) -> Embedded:
    """Unit rows, some regions missing, flipped rows of their own."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(owners), 2, 5, dimension))
    vectors /= np.linalg.norm(vectors, axis=3, keepdims=True)
    vectors *= rng.random((len(owners), 1, 5, 1)) < shown
    return rows_of(owners, vectors)


def trained(**parts: dict[str, object]) -> TrainingRecord:
    """How a network was trained in ten minutes; `parts` are those of its recipe."""
    return TrainingRecord(recipe=parts, data="made up", seed=7, wall_time_s=600.0, started_from="ImageNet weights")
