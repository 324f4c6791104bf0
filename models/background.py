"""How much a region agrees with garments in general: a plain white sleeve agrees with thousands and proves nothing.

The background of a region is its mean cosine to the nearest regions of a fixed cohort of training garments, which is
shipped with the embedder. Source: score normalisation of copy detection (SSCD, Pizzi et al., CVPR 2022, section 4.3).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue, ModelFileError
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings

NEAREST = 20
"""Regions of the cohort that are averaged: the crowd around a region, not the few that happen to equal it."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Rows of training garments, in nobody's catalogue: float32 (5, K, D), unit length or zero where missing.

    In the benchmark's gallery they are, each among its own `NEAREST`, a little plainer than a shop's garments.

    An empty cohort (K = 0) knows no background: every region's is 0.
    """

    rows: Floats

    def __post_init__(self) -> None:
        rows = np.array(self.rows, dtype=np.float32)
        if rows.ndim != 3 or rows.shape[0] != REGION_COUNT or not np.isfinite(rows).all():
            raise InvalidValue(f"a cohort is finite and of shape (5, K, D), got {rows.shape}")
        rows.setflags(write=False)
        object.__setattr__(self, "rows", rows)

    @staticmethod
    def empty() -> Cohort:
        return Cohort(np.zeros((REGION_COUNT, 0, 1), dtype=np.float32))

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def background(self, embeddings: RegionEmbeddings) -> Floats:
        """float32 (5,) of one garment: see `backgrounds`."""
        return np.asarray(self.backgrounds(embeddings.vectors[None])[0])

    def backgrounds(self, vectors_NRD: Floats) -> Floats:
        """float32 (N, 5), -1..1: how near each region of N garments (N, 5, D) is to the cohort; 0 where it is missing.

        Raises InvalidValue where they have another dimension than the cohort.
        """
        if not len(self) or not len(vectors_NRD):
            return np.zeros(vectors_NRD.shape[:2], dtype=np.float32)
        if vectors_NRD.shape[2] != self.rows.shape[2]:
            raise InvalidValue(f"the cohort has dimension {self.rows.shape[2]}, the garment {vectors_NRD.shape[2]}")
        cosines_RNK = np.matmul(vectors_NRD.transpose(1, 0, 2), self.rows.transpose(0, 2, 1))
        nearest = min(NEAREST, len(self))
        mean_RN = np.partition(cosines_RNK, len(self) - nearest, axis=2)[..., -nearest:].mean(axis=2)
        visible_NR = np.abs(vectors_NRD).max(axis=2) > 0
        return np.asarray(np.where(visible_NR, mean_RN.T, 0), dtype=np.float32)


def write_cohort(vectors: npt.ArrayLike, path: Path) -> str:
    """Keep rows (K, 5, D) in half precision; returns the file's sha256."""
    np.save(path, np.asarray(vectors, dtype=np.float16).transpose(1, 0, 2), allow_pickle=False)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_cohort(path: Path, sha256: str) -> Cohort:
    """Raises ModelFileError where the file is missing, altered or no cohort; nothing in it is unpickled."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ModelFileError(f"{path.name} is not the cohort that the policy was fitted with")
        return Cohort(np.load(io.BytesIO(data), allow_pickle=False).astype(np.float32))
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: {error}") from error
