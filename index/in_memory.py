"""The slow truth: a `VectorIndex` that adds up S region by region for every garment, without an engine."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from index.errors import EmbeddingMismatch
from index.labels import Exclusions, Ids
from index.types import Query
from index.vectors import Candidates, Designs, comparable
from models.runtime.running import Engine
from models.scoring import region_cosines, weighted_score
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings


class InMemoryVectors:
    """Exact, and linear in everything."""

    engines: tuple[Engine, ...] = ()

    def __init__(self) -> None:
        self._designs = Designs.joined([])
        self._dimension: int | None = None
        self._writing = threading.Lock()

    @property
    def dimension(self) -> int | None:
        return self._dimension

    def __len__(self) -> int:
        return len(self._designs)

    def extend(self, designs: Designs) -> None:
        with self._writing:
            self._hold(self._designs, designs)

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        with self._writing:
            self._hold(self._designs.where(~np.isin(self._designs.item_numbers, item_numbers)), designs)

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        designs = self._designs
        if self._dimension is not None and query.embeddings.dimension != self._dimension:
            raise EmbeddingMismatch(f"the index holds vectors of {self._dimension} numbers a region")
        allowed = exclusions.allowed(designs.labels) & (designs.labels.tenant_keys == exclusions.tenant_key)
        scores = np.array([_best_score(query, vectors) for vectors in designs.vectors], dtype=np.float32)
        ranked = [row for row in np.lexsort((designs.garment_ids, -scores)) if allowed[row] and scores[row] > -np.inf]
        best = np.array(ranked[:count], dtype=np.int64)
        return Candidates(scores[best], designs.garment_ids[best], designs.item_numbers[best])

    def close(self) -> None:
        """Nothing to release."""

    def _hold(self, kept: Designs, fresh: Designs) -> None:
        if self._dimension is not None and len(fresh) and fresh.dimension != self._dimension:
            raise EmbeddingMismatch(f"the index holds vectors of {self._dimension} numbers a region")
        parts = [part for part in (kept, fresh) if len(part)]
        self._designs = Designs.joined(parts)
        self._dimension = parts[-1].dimension if parts else self._dimension


def _best_score(query: Query, vectors: npt.NDArray[np.float32]) -> float:
    theirs = RegionEmbeddings(vectors, np.zeros((REGION_COUNT, 3), dtype=np.float32))
    return max(
        (
            weighted_score(region_cosines(ours, theirs), query.weights)
            for ours in (query.embeddings, query.mirrored)
            if comparable(ours.mask, theirs.mask, query)
        ),
        default=-np.inf,
    )
