"""What a search may ask of a garment beside its vectors: whose it is, which item's, since when; column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import EmbeddingMismatch
from index.types import DEFAULT_TENANT
from models.taxonomy import Category

Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NO_SELLER = 0
NEVER = np.iinfo(np.int64).max
"""Microseconds of a publication that nobody dated: it is before no moment."""
NOT_DISABLED = 0

LEAN_ROWS = 512
"""Fewer are not worth a look."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """All columns (n,); int64 but for `categories`, uint8 (`df2_id`).

    `published` and `disabled_until` are microseconds since 1970, `NEVER` and `NOT_DISABLED` where nothing was said.
    """

    garment_ids: Ids
    item_numbers: Ids
    tenant_keys: Ids
    seller_keys: Ids
    categories: npt.NDArray[np.uint8]
    published: Ids
    disabled_until: Ids

    def __post_init__(self) -> None:
        if any(getattr(self, name).shape != self.garment_ids.shape for name in COLUMNS):
            raise EmbeddingMismatch("every column has one value a garment")

    def __len__(self) -> int:
        return len(self.garment_ids)

    def columns(self) -> dict[str, npt.NDArray[np.int64] | npt.NDArray[np.uint8]]:
        """Every column by its name."""
        return {name: getattr(self, name) for name in COLUMNS}

    def where(self, chosen: Flags | Ids | slice) -> Labels:
        """The garments where `chosen` bool (n,) holds, or those of these rows."""
        return Labels(*(getattr(self, name)[chosen] for name in COLUMNS))

    def lean(self) -> Labels:
        """The same; a column of one value alone takes no room."""
        return self if len(self) < LEAN_ROWS else Labels(*(_lean(getattr(self, name)) for name in COLUMNS))

    @staticmethod
    def joined(parts: Sequence[Labels]) -> Labels:
        """All of the parts, in order."""
        if not parts:
            return Labels.none()
        return Labels(*(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS))

    @staticmethod
    def none() -> Labels:
        empty = np.empty(0, dtype=np.int64)
        return Labels(empty, empty, empty, empty, np.empty(0, dtype=np.uint8), empty, empty)


COLUMNS = tuple(column.name for column in fields(Labels))


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Which garments may not answer: another tenant's never; `categories` (df2 ids) alone may, unless empty.

    `now` and `published_before` are microseconds since 1970. What is disabled until later than `now` does not answer,
    so that a caller who forgets to say when it is sees nothing that was ever disabled.
    """

    item_number: int | None = None
    seller_key: int | None = None
    categories: frozenset[int] = field(default_factory=frozenset)
    tenant_key: int = field(default_factory=lambda: tenant_key(DEFAULT_TENANT))
    published_before: int | None = None
    now: int = NOT_DISABLED

    def allowed(self, labels: Labels) -> Flags:
        """bool (n,): the garments that may answer, of those of the right tenant."""
        allowed = labels.disabled_until <= self.now
        if self.item_number is not None:
            allowed &= labels.item_numbers != self.item_number
        if self.seller_key is not None:
            allowed &= labels.seller_keys != self.seller_key
        if self.published_before is not None:
            allowed &= labels.published < self.published_before
        if self.categories:
            wanted = np.zeros(256, dtype=np.bool_)
            wanted[sorted(self.categories)] = True
            allowed &= wanted[labels.categories]
        return np.asarray(allowed)


def tenant_key(tenant: str) -> int:
    """64 bits that stand for a tenant in memory; what is found is looked up under the tenant's own name again."""
    return _key(tenant)


def seller_key(seller_id: str | None) -> int:
    """64 bits that stand for a seller in memory; two sellers sharing one is a matter of 2⁻⁶⁴."""
    return NO_SELLER if seller_id is None else _key(seller_id)


def category_code(category: Category) -> int:
    return category.df2_id


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly; negative before."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _lean(column: Any) -> Any:
    if not column.strides[0] or (column != column[0]).any():
        return column
    return np.broadcast_to(column[0].copy(), column.shape)


def _key(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1
