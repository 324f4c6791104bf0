"""Generations: what each version of the models saw of every photo, side by side in the record.

A photo's first description is named in its own row; those of other models are listed beside it. Nothing here compares
two of them. Everything runs inside the transaction that its caller holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, insert, or_, select, update

from index.garment_rows import garment_to_row
from index.print_rows import insert_print
from index.records import (
    ChangeKind,
    ChangeRecord,
    DescriptionRecord,
    GarmentRecord,
    ItemRecord,
    PhotoRecord,
    PrintRecord,
)
from models.taxonomy import Category
from models.types import DescribedGarment


@dataclass(frozen=True, slots=True)
class UndescribedPhoto:
    """A photo that some models have not described yet.

    `category`: what its design was registered as, None where the models that are its first saw no garment.
    """

    number: int
    item_id: str
    tenant: str
    photo_id: str
    sha256: str
    category: Category | None


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What some models saw of a photo: `garments[design]` is searched; nothing where they saw none.

    `fingerprint`: the PDQ hash of the whole photo, None where nobody took it.
    """

    photo_number: int
    garments: tuple[DescribedGarment, ...]
    design: int
    fingerprint: bytes | None = None


def count_undescribed(connection: Connection, models_version: str, tenant: str | None = None) -> int:
    """Photos that these models have not described."""
    counted = select(func.count()).select_from(PhotoRecord).where(*_undescribed(models_version))
    if tenant is not None:
        counted = counted.join(ItemRecord, ItemRecord.number == PhotoRecord.item_number)
        counted = counted.where(ItemRecord.tenant == tenant)
    return int(connection.scalar(counted) or 0)


def read_undescribed(
    connection: Connection, models_version: str, after: int, limit: int
) -> tuple[UndescribedPhoto, ...]:
    """Photos that these models have not described, by number, after one."""
    first = and_(
        GarmentRecord.photo_number == PhotoRecord.number,
        GarmentRecord.models_version == PhotoRecord.models_version,
        GarmentRecord.is_design,
    )
    chosen: Select[int, str, str, str, str, str | None] = (
        select(
            PhotoRecord.number,
            ItemRecord.item_id,
            ItemRecord.tenant,
            PhotoRecord.photo_id,
            PhotoRecord.sha256,
            GarmentRecord.category,
        )
        .join(ItemRecord, ItemRecord.number == PhotoRecord.item_number)
        .outerjoin(GarmentRecord, first)
        .where(PhotoRecord.number > after, *_undescribed(models_version))
        .order_by(PhotoRecord.number)
        .limit(limit)
    )
    return tuple(
        UndescribedPhoto(*row[:5], None if row[5] is None else Category(row[5])) for row in connection.execute(chosen)
    )


def is_described(connection: Connection, photo_number: int, models_version: str) -> bool:
    """Whether these models described a photo beside the first that did."""
    theirs = (DescriptionRecord.photo_number == photo_number, DescriptionRecord.models_version == models_version)
    return connection.execute(select(DescriptionRecord.garments).where(*theirs)).first() is not None


def describe_photos(connection: Connection, models_version: str, described: Sequence[Description]) -> int:
    """Write descriptions beside those that are there; how many: those that are gone or were described meanwhile are
    passed by."""
    written = 0
    for one in described:
        wanted = select(ItemRecord.number, ItemRecord.item_id, ItemRecord.tenant)
        wanted = wanted.join(PhotoRecord, PhotoRecord.item_number == ItemRecord.number)
        item = connection.execute(
            wanted.where(PhotoRecord.number == one.photo_number, *_undescribed(models_version))
        ).one_or_none()
        if item is None:
            continue
        insert_description(connection, item.number, models_version, one)
        # Not through `append_change`: nobody changed the item.
        row = {"kind": ChangeKind.DESCRIBED.value, "item_number": item.number, "at": datetime.now(UTC)}
        connection.execute(insert(ChangeRecord).values(row | {"tenant": item.tenant, "item_id": item.item_id}))
        written += 1
    return written


def insert_description(connection: Connection, item_number: int, models_version: str, described: Description) -> None:
    """Of a photo that these models have not described."""
    listed = {"photo_number": described.photo_number, "models_version": models_version}
    connection.execute(insert(DescriptionRecord).values(listed | {"garments": len(described.garments)}))
    rows = garment_rows(item_number, models_version, described)
    if rows:
        connection.execute(insert(GarmentRecord), rows)
        insert_print(
            connection,
            {
                "photo_number": described.photo_number,
                "models_version": models_version,
                "item_number": item_number,
                "photo": described.fingerprint,
                "design": described.garments[described.design].fingerprint,
            },
        )


def garment_rows(item_number: int, models_version: str, described: Description) -> list[dict[str, object]]:
    """The rows of `GarmentRecord` of one description."""
    return [
        {
            "photo_number": described.photo_number,
            "item_number": item_number,
            "position": position,
            "is_design": position == described.design,
            "models_version": models_version,
            **garment_to_row(garment),
        }
        for position, garment in enumerate(described.garments)
    ]


def drop_other_descriptions(connection: Connection, models_version: str, limit: int) -> int:
    """Make these models the only ones that described a photo, for at most `limit` photos; how many photos."""
    listed = select(DescriptionRecord.photo_number).where(DescriptionRecord.models_version == models_version)
    others = select(PhotoRecord.number).join(DescriptionRecord, DescriptionRecord.photo_number == PhotoRecord.number)
    chosen = or_(
        PhotoRecord.number.in_(listed),
        and_(PhotoRecord.models_version == models_version, PhotoRecord.number.in_(others)),
    )
    numbers = list(connection.scalars(select(PhotoRecord.number).where(chosen).limit(limit)))
    for record in (GarmentRecord, PrintRecord):
        theirs = (record.photo_number.in_(numbers), record.models_version != models_version)
        connection.execute(delete(record).where(*theirs))
    connection.execute(delete(DescriptionRecord).where(DescriptionRecord.photo_number.in_(numbers)))
    connection.execute(update(PhotoRecord).where(PhotoRecord.number.in_(numbers)).values(models_version=models_version))
    return len(numbers)


def _undescribed(models_version: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Below or above rather than unequal: an index finds that nothing is, at once."""
    listed = exists().where(
        DescriptionRecord.photo_number == PhotoRecord.number, DescriptionRecord.models_version == models_version
    )
    version = PhotoRecord.models_version
    return or_(version < models_version, version > models_version), ~listed
