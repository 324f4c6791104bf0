"""The seam between the record and whatever scans vectors: what it is given, what it answers, what it must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.errors import EmbeddingMismatch
from index.labels import Exclusions, Flags, Ids, Labels
from index.types import Query
from models.runtime.running import Engine
from models.scoring import compared_weight
from models.taxonomy import REGION_COUNT


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """Searched garments: `masks` uint8 (n,); `vectors` float32 (n, 5, D), zero where a region is missing."""

    labels: Labels
    masks: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 3 or self.vectors.shape[1] != REGION_COUNT:
            raise EmbeddingMismatch(f"vectors need shape (n, 5, D), got {self.vectors.shape}")
        if not len(self.labels) == len(self.masks) == len(self.vectors):
            raise EmbeddingMismatch("every column has one value a garment")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def garment_ids(self) -> Ids:
        return self.labels.garment_ids

    @property
    def item_numbers(self) -> Ids:
        return self.labels.item_numbers

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[2])

    def where(self, chosen: Flags) -> Designs:
        """The garments where `chosen` bool (n,) holds."""
        return Designs(self.labels.where(chosen), self.masks[chosen], self.vectors[chosen])

    @staticmethod
    def joined(parts: Sequence[Designs]) -> Designs:
        """All of the parts, in order; of dimension 0 where there are none."""
        if not parts:
            no_vectors = np.empty((0, REGION_COUNT, 0), dtype=np.float32)
            return Designs(Labels.none(), np.empty(0, dtype=np.uint8), no_vectors)
        return Designs(
            Labels.joined([part.labels for part in parts]),
            np.concatenate([part.masks for part in parts]),
            np.concatenate([part.vectors for part in parts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Garments near a query, best first, each in its better orientation: all columns (n,)."""

    scores: npt.NDArray[np.float32]
    garment_ids: Ids
    item_numbers: Ids

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, chosen: Flags) -> Candidates:
        """Those where `chosen` bool (n,) holds."""
        return Candidates(self.scores[chosen], self.garment_ids[chosen], self.item_numbers[chosen])


class VectorIndex(Protocol):
    """Finds the garments with the greatest score S; an instance is one generation of one model version.

    Searches may run at any time, beside each other and beside writes, and see each write as a whole or not at all.
    """

    @property
    def dimension(self) -> int | None:
        """D of a region's vector; None while nothing was ever held."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What scans, where that can fall back to something slower."""

    def __len__(self) -> int:
        """Garments held."""

    def extend(self, designs: Designs) -> None:
        """Add garments that are not held. Raises EmbeddingMismatch for another D."""

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        """Make `designs` all that is held of these items: add, forget and refile as needed; may be repeated."""

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        """The best `count` garments, or all that are comparable and allowed where they are fewer."""

    def close(self) -> None:
        """Release threads; searches end."""


def comparable(query_mask: int, item_mask: int, query: Query) -> bool:
    """Whether regions visible on both sides carry enough of the weight to be compared at all."""
    share = compared_weight(query_mask, item_mask, query.weights)
    return share > 0 and share >= query.least_weight - 1e-9
