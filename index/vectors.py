"""The seam between the record and whatever scans vectors: what it is given, what it answers, what it must do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.errors import EmbeddingMismatch
from index.types import Query
from models.scoring import compared_weight
from models.taxonomy import REGION_COUNT, Category

Ids = npt.NDArray[np.int64]
NO_SELLER = 0


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """Searched garments, column by column.

    `garment_ids`, `item_numbers`, `seller_keys` int64 (n,); `categories` uint8 (n,), `df2_id`; `masks` uint8 (n,);
    `vectors` float32 (n, 5, D), zero where a region is missing.
    """

    garment_ids: Ids
    item_numbers: Ids
    seller_keys: Ids
    categories: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        columns = (self.garment_ids, self.item_numbers, self.seller_keys, self.categories, self.masks)
        if self.vectors.ndim != 3 or self.vectors.shape[1] != REGION_COUNT:
            raise EmbeddingMismatch(f"vectors need shape (n, 5, D), got {self.vectors.shape}")
        if any(column.shape != self.vectors.shape[:1] for column in columns):
            raise EmbeddingMismatch("every column has one value a garment")

    def __len__(self) -> int:
        return len(self.garment_ids)

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[2])

    def where(self, chosen: npt.NDArray[np.bool_]) -> Designs:
        """The garments where `chosen` bool (n,) holds."""
        return Designs(
            self.garment_ids[chosen],
            self.item_numbers[chosen],
            self.seller_keys[chosen],
            self.categories[chosen],
            self.masks[chosen],
            self.vectors[chosen],
        )

    @staticmethod
    def joined(parts: Sequence[Designs]) -> Designs:
        """All of the parts, in order; of dimension 0 where there are none."""
        if not parts:
            none, no_codes = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
            return Designs(none, none, none, no_codes, no_codes, np.empty((0, REGION_COUNT, 0), dtype=np.float32))
        return Designs(
            np.concatenate([part.garment_ids for part in parts]),
            np.concatenate([part.item_numbers for part in parts]),
            np.concatenate([part.seller_keys for part in parts]),
            np.concatenate([part.categories for part in parts]),
            np.concatenate([part.masks for part in parts]),
            np.concatenate([part.vectors for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Which garments may not answer; `categories` (df2 ids) are the only ones that may, unless empty."""

    item_number: int | None = None
    seller_key: int | None = None
    categories: frozenset[int] = field(default_factory=frozenset)

    @property
    def any(self) -> bool:
        return self.item_number is not None or self.seller_key is not None or bool(self.categories)

    def allowed(self, items: Ids, sellers: Ids, categories: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """bool (n,): the garments that may answer."""
        allowed = np.ones(len(items), dtype=np.bool_)
        if self.item_number is not None:
            allowed &= items != self.item_number
        if self.seller_key is not None:
            allowed &= sellers != self.seller_key
        if self.categories:
            allowed &= np.isin(categories, np.array(sorted(self.categories), dtype=np.uint8))
        return allowed


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Garments near a query, best first, each in its better orientation: all columns (n,)."""

    scores: npt.NDArray[np.float32]
    garment_ids: Ids
    item_numbers: Ids

    def __len__(self) -> int:
        return len(self.scores)


class VectorIndex(Protocol):
    """Finds the garments with the greatest score S; an instance is one generation of one model version.

    Searches may run at any time, beside each other and beside writes, and see each write as a whole or not at all.
    """

    @property
    def dimension(self) -> int | None:
        """D of a region's vector; None while nothing was ever held."""

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


def seller_key(seller_id: str | None) -> int:
    """64 bits that stand for a seller in memory; two sellers sharing one is a matter of 2⁻⁶⁴."""
    if seller_id is None:
        return NO_SELLER
    digest = hashlib.blake2b(seller_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


def category_code(category: Category) -> int:
    return category.df2_id
