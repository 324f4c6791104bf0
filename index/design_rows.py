"""Reads what is searched from the record, in batches: all of it, or that of some items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, bindparam, select

from index.labels import NEVER, NOT_DISABLED, Labels, category_code, microseconds, seller_key, tenant_key
from index.reading import MOST_NAMED
from index.records import GarmentRecord, ItemRecord
from index.vectors import Designs
from models.taxonomy import REGION_COUNT, Category

BATCH_ROWS = 2048
_CODES = {category.value: category_code(category) for category in Category}
_SEARCHED = (
    select(
        GarmentRecord.number,
        GarmentRecord.item_number,
        ItemRecord.tenant,
        ItemRecord.seller_id,
        GarmentRecord.category,
        ItemRecord.published_at,
        ItemRecord.disabled_until,
        GarmentRecord.mask,
        GarmentRecord.vectors,
    )
    .join(ItemRecord, ItemRecord.number == GarmentRecord.item_number)
    .where(GarmentRecord.is_design)
    .order_by(GarmentRecord.number)
)
# Made once: an add asks for its own rows, and making a statement takes longer than running it.
_ALL = _SEARCHED.where(GarmentRecord.models_version == bindparam("version"))
_OF_ITEMS = _SEARCHED.where(
    # Joined with nothing, so that SQLite cannot go through every garment of the version to find those of a few items.
    GarmentRecord.models_version + "" == bindparam("version"),
    GarmentRecord.item_number.in_(bindparam("numbers", expanding=True)),
)


def read_designs(
    connection: Connection, models_version: str, item_numbers: Sequence[int] | None = None
) -> Iterator[Designs]:
    """Searched garments of a models version in batches, of some items or of all."""
    if item_numbers is None:
        # Streamed: PostgreSQL would otherwise send all of it before the first batch is looked at.
        yield from _batches(connection.execution_options(yield_per=BATCH_ROWS), _ALL, {"version": models_version})
        return
    for start in range(0, len(item_numbers), MOST_NAMED):
        some = list(item_numbers[start : start + MOST_NAMED])
        yield from _batches(connection, _OF_ITEMS, {"version": models_version, "numbers": some})


def _batches(connection: Connection, chosen: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> Iterator[Designs]:
    with connection.execute(chosen, values) as found:
        for rows in found.partitions(BATCH_ROWS):
            yield _designs_of(rows)


def _designs_of(rows: Sequence[Any]) -> Designs:
    numbers, items, owners, sellers, categories, published, disabled, masks, vectors = zip(*rows, strict=True)
    tenants = {owner: tenant_key(owner) for owner in set(owners)}
    labels = Labels(
        garment_ids=np.array(numbers, dtype=np.int64),
        item_numbers=np.array(items, dtype=np.int64),
        tenant_keys=np.array([tenants[owner] for owner in owners], dtype=np.int64),
        seller_keys=np.array([seller_key(seller) for seller in sellers], dtype=np.int64),
        categories=np.array([_CODES[category] for category in categories], dtype=np.uint8),
        published=_moments(published, NEVER),
        disabled_until=_moments(disabled, NOT_DISABLED),
    )
    return Designs(
        labels,
        np.array(masks, dtype=np.uint8),
        np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(rows), REGION_COUNT, -1),
    )


def _moments(moments: Sequence[Any], unsaid: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([unsaid if moment is None else microseconds(moment) for moment in moments], dtype=np.int64)
