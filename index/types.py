"""What the index remembers and answers: CatalogueItem, Query, Hit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InvalidQuery
from models.taxonomy import REGION_COUNT, Category, WeightGroup
from models.types import DescribedGarment, RegionEmbeddings
from models.weighting import RegionWeights

DEFAULT_TENANT = "default"
"""Whose an item is where nobody says; a tenant never sees, finds or changes what is another's."""


class Storage(StrEnum):
    """What of a sealed row is kept in memory.

    `fp16`: all. `sq8`: 8 bits a number, by which candidates are chosen; their fp16 rows, which score, lie in a file.
    `gpu`: all, and on a graphics card too, which chooses candidates; where there is none, as `fp16`.
    """

    FP16 = "fp16"
    SQ8 = "sq8"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """What the caller says of an item; None means not said. Moments carry a time zone.

    Until `disabled_until` the item is kept but answers no search; a moment that has passed switches it on again.
    """

    seller_id: str | None = None
    title: str | None = None
    url: str | None = None
    published_at: datetime | None = None
    metadata: Mapping[str, Any] | None = None
    disabled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CataloguePhoto:
    """A registered photo of an item; its bytes lie in the data dir under `sha256`."""

    photo_id: str
    sha256: str
    width: int
    height: int
    models_version: str
    added_at: datetime
    garments: tuple[CatalogueGarment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueGarment:
    """A garment of a registered photo; `is_design` marks the one that is searched."""

    garment_id: int
    is_design: bool
    described: DescribedGarment


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """An item under the caller's own id, with its photos (views)."""

    item_id: str
    details: ItemDetails
    created_at: datetime
    updated_at: datetime
    photos: tuple[CataloguePhoto, ...]
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo to register: `garments[design]` is the one that is searched, the rest are kept.

    `fingerprint` is the PDQ hash of the whole photo, 32 bytes; None where nobody took it.
    """

    item_id: str
    details: ItemDetails
    sha256: str
    width: int
    height: int
    models_version: str
    garments: tuple[DescribedGarment, ...]
    design: int
    replace: bool = False
    tenant: str = DEFAULT_TENANT
    fingerprint: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.design < len(self.garments):
            raise InvalidQuery("`design` names one of the photo's garments")


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a `NewPhoto`: `created` is False where the item already had this very photo."""

    item_id: str
    photo_id: str
    created: bool
    sequence: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which of a tenant's items may answer; empty means all.

    `published_before` (with a time zone): only items published earlier; those that do not say when are left out.
    """

    exclude_seller_id: str | None = None
    exclude_item_id: str | None = None
    categories: frozenset[Category] = frozenset()
    tenant: str = DEFAULT_TENANT
    published_before: datetime | None = None

    def __post_init__(self) -> None:
        if self.published_before is not None and self.published_before.tzinfo is None:
            raise InvalidQuery("published_before needs a time zone")


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A garment to search for, as seen and mirrored.

    `least_weight` (0..1): items whose regions visible on both sides carry less of the weight are skipped, so that one
    small region cannot decide.
    """

    embeddings: RegionEmbeddings
    mirrored: RegionEmbeddings
    weights: RegionWeights
    models_version: str
    top_k: int = 20
    min_score: float = -1.0
    least_weight: float = 0.35
    filters: Filters = field(default_factory=Filters)

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= 200:
            raise InvalidQuery(f"top_k must be in 1..200, got {self.top_k}")
        if self.embeddings.dimension != self.mirrored.dimension:
            raise InvalidQuery("both orientations have the same dimension")


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A catalogue garment that resembles the query; one a item, exact scores.

    `cosines` and `colour_shifts` are float32 (5,), NaN where a region is missing on either side. Region names are those
    of the catalogue photo: with `mirrored` the query's left sleeve was compared with the item's right.
    """

    item_id: str
    photo_id: str
    garment_id: int
    score: float
    mirrored: bool
    cosines: npt.NDArray[np.float32]
    colour_shifts: npt.NDArray[np.float32]
    garment: DescribedGarment
    photo_sha256: str
    details: ItemDetails

    def __post_init__(self) -> None:
        if self.cosines.shape != (REGION_COUNT,) or self.colour_shifts.shape != (REGION_COUNT,):
            raise InvalidQuery("a hit has one cosine and one colour shift a region")


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """Which of a tenant's items to list; None means any. `category` and `group` are those of an item's designs."""

    seller_id: str | None = None
    category: Category | None = None
    group: WeightGroup | None = None
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Items in the order they were first added; `next_cursor` is None on the last page."""

    items: tuple[CatalogueItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change to an item: `kind` is added, replaced, patched or deleted."""

    sequence: int
    kind: str
    item_id: str
    at: datetime
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class CatalogueCounts:
    """How much the record holds, all tenants together or one; `designs` by models version, `categories` over all."""

    items: int
    photos: int
    garments: int
    designs: Mapping[str, int]
    categories: Mapping[Category, int]


@dataclass(frozen=True, slots=True)
class IndexStats:
    """The record and the live index side by side: `searchable` designs, and photos that only other models described."""

    counts: CatalogueCounts
    searchable: int
    undescribed: int
    models_version: str
    sequence: int
    ready: bool
    stale: bool
