"""What a read takes from the tables, inside the transaction that its caller holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, select

from index.errors import InvalidQuery, ItemNotFound
from index.garment_rows import GARMENT_COLUMNS, garment_from_row
from index.records import ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord
from index.types import (
    CatalogueCounts,
    CatalogueGarment,
    CatalogueItem,
    CataloguePhoto,
    ItemDetails,
    ItemFilters,
    ItemPage,
)
from models.taxonomy import Category
from models.types import DescribedGarment

MOST_NAMED = 500
"""Numbers in one IN list; SQLite takes 32,766 variables, but a plan per length is compiled and kept."""

_DESCRIBED = tuple(getattr(GarmentRecord, name) for name in GARMENT_COLUMNS)
_DETAILS = (
    ItemRecord.seller_id,
    ItemRecord.title,
    ItemRecord.url,
    ItemRecord.published_at,
    ItemRecord.extra,
    ItemRecord.disabled_until,
)
_CHANGES = (
    select(*ChangeRecord.__table__.columns)
    .where(ChangeRecord.sequence > bindparam("after"))
    .order_by(ChangeRecord.sequence)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, eq=False)
class FoundGarment:
    """A garment with the item and photo that it belongs to."""

    item_id: str
    details: ItemDetails
    photo_id: str
    photo_sha256: str
    garment: DescribedGarment


def number_of(connection: Connection, item_id: str, tenant: str) -> int | None:
    """The number under which a tenant's item is kept and searched."""
    chosen = select(ItemRecord.number).where(ItemRecord.tenant == tenant, ItemRecord.item_id == item_id)
    found = connection.scalar(chosen)
    return None if found is None else int(found)


def known_number(connection: Connection, item_id: str, tenant: str) -> int:
    """Raises ItemNotFound."""
    number = number_of(connection, item_id, tenant)
    if number is None:
        raise ItemNotFound(f"no item {item_id!r}")
    return number


def last_sequence(connection: Connection) -> int:
    """The latest change; 0 where there was none."""
    return int(connection.scalar(select(func.max(ChangeRecord.sequence))) or 0)


def read_changes(connection: Connection, after: int, limit: int) -> Sequence[Row[Any]]:
    """Rows of the change log, in order."""
    return connection.execute(_CHANGES, {"after": after, "most": limit}).all()


def read_items(connection: Connection, numbers: Sequence[int]) -> list[CatalogueItem]:
    """Items with photos and garments, in the order of their numbers."""
    photos = _read_photos(connection, numbers)
    chosen = select(
        ItemRecord.number,
        ItemRecord.tenant,
        ItemRecord.item_id,
        ItemRecord.created_at,
        ItemRecord.updated_at,
        *_DETAILS,
    ).where(ItemRecord.number.in_(numbers))
    return [
        CatalogueItem(row.item_id, _details(row), row.created_at, row.updated_at, tuple(photos[row.number]), row.tenant)
        for row in connection.execute(chosen.order_by(ItemRecord.number))
    ]


def list_items(connection: Connection, cursor: str | None, limit: int, filters: ItemFilters) -> ItemPage:
    """A page of items; the cursor is the number of the last one seen."""
    if limit < 1:
        raise InvalidQuery(f"limit must be at least 1, got {limit}")
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidQuery(f"no such cursor: {cursor!r}")
    chosen = select(ItemRecord.number).where(ItemRecord.tenant == filters.tenant, ItemRecord.number > int(cursor or 0))
    if filters.seller_id is not None:
        chosen = chosen.where(ItemRecord.seller_id == filters.seller_id)
    if filters.category is not None or filters.group is not None:
        wanted = [
            category.value
            for category in Category
            if filters.category in (None, category) and filters.group in (None, category.group)
        ]
        chosen = chosen.where(
            ItemRecord.number.in_(
                select(GarmentRecord.item_number).where(GarmentRecord.is_design, GarmentRecord.category.in_(wanted))
            )
        )
    numbers = list(connection.scalars(chosen.order_by(ItemRecord.number).limit(limit + 1)))
    page = numbers[:limit]
    return ItemPage(tuple(read_items(connection, page)), str(page[-1]) if len(numbers) > limit else None)


def find_garments(connection: Connection, garment_ids: Sequence[int], tenant: str) -> dict[int, FoundGarment]:
    """A tenant's garments by id; those that are gone, or another's, are left out."""
    # Each row says whose it is: asked that in SQL, SQLite reads all of a tenant's items once some 40 are named.
    joined = (
        select(
            GarmentRecord.number,
            ItemRecord.tenant,
            ItemRecord.item_id,
            *_DETAILS,
            PhotoRecord.photo_id,
            PhotoRecord.sha256,
            *_DESCRIBED,
        )
        .join(PhotoRecord, PhotoRecord.number == GarmentRecord.photo_number)
        .join(ItemRecord, ItemRecord.number == GarmentRecord.item_number)
    )
    return {
        row.number: FoundGarment(row.item_id, _details(row), row.photo_id, row.sha256, garment_from_row(row))
        for start in range(0, len(garment_ids), MOST_NAMED)
        for row in connection.execute(joined.where(GarmentRecord.number.in_(garment_ids[start : start + MOST_NAMED])))
        if row.tenant == tenant
    }


def count_all(connection: Connection, tenant: str | None) -> CatalogueCounts:
    """How much the record holds of one tenant, or of all."""
    first = GarmentRecord.models_version == PhotoRecord.models_version
    grouped = (GarmentRecord.models_version, GarmentRecord.category, first)
    designs = connection.execute(
        _of_tenant(select(*grouped, func.count()), GarmentRecord, tenant)
        .join(PhotoRecord, PhotoRecord.number == GarmentRecord.photo_number)
        .where(GarmentRecord.is_design)
        .group_by(*grouped)
    ).all()
    versions: dict[str, int] = defaultdict(int)
    categories: dict[Category, int] = defaultdict(int)
    for version, category, by_the_first, count in designs:
        versions[version] += count
        categories[Category(category)] += count if by_the_first else 0
    items = select(func.count()).select_from(ItemRecord)
    return CatalogueCounts(
        items=int(connection.scalar(items if tenant is None else items.where(ItemRecord.tenant == tenant)) or 0),
        photos=_count(connection, PhotoRecord, tenant),
        garments=_count(connection, GarmentRecord, tenant),
        designs=dict(versions),
        categories=dict(categories),
    )


def count_designs(connection: Connection, models_version: str) -> int:
    """Searched garments of a models version."""
    chosen = select(func.count()).where(GarmentRecord.models_version == models_version, GarmentRecord.is_design)
    return int(connection.scalar(chosen) or 0)


def _first_description() -> ColumnElement[bool]:
    """A garment and its photo, described by the models that the photo's row names."""
    return and_(
        PhotoRecord.number == GarmentRecord.photo_number, PhotoRecord.models_version == GarmentRecord.models_version
    )


def _of_tenant(chosen: Select[*tuple[Any, ...]], record: type[Any], tenant: str | None) -> Select[*tuple[Any, ...]]:
    """The rows of an item's table that are one tenant's; all where None."""
    if tenant is None:
        return chosen
    return chosen.join(ItemRecord, ItemRecord.number == record.item_number).where(ItemRecord.tenant == tenant)


def _count(connection: Connection, record: type[Any], tenant: str | None) -> int:
    chosen = _of_tenant(select(func.count(record.number)).select_from(record), record, tenant)
    return int(connection.scalar(chosen) or 0)


def _read_photos(connection: Connection, item_numbers: Sequence[int]) -> dict[int, list[CataloguePhoto]]:
    garments: dict[int, list[CatalogueGarment]] = defaultdict(list)
    chosen = select(GarmentRecord.number, GarmentRecord.photo_number, GarmentRecord.is_design, *_DESCRIBED)
    # What the models of its own row saw; what others did is searched, not shown.
    first = chosen.join(PhotoRecord, _first_description())
    ordered = first.where(GarmentRecord.item_number.in_(item_numbers)).order_by(GarmentRecord.number)
    for row in connection.execute(ordered):
        garments[row.photo_number].append(CatalogueGarment(row.number, row.is_design, garment_from_row(row)))
    photos: dict[int, list[CataloguePhoto]] = defaultdict(list)
    columns = select(*PhotoRecord.__table__.columns).where(PhotoRecord.item_number.in_(item_numbers))
    for row in connection.execute(columns.order_by(PhotoRecord.number)):
        photos[row.item_number].append(
            CataloguePhoto(
                row.photo_id,
                row.sha256,
                row.width,
                row.height,
                row.models_version,
                row.added_at,
                tuple(garments[row.number]),
            )
        )
    return photos


def _details(row: Row[Any]) -> ItemDetails:
    return ItemDetails(row.seller_id, row.title, row.url, row.published_at, row.extra, row.disabled_until)
