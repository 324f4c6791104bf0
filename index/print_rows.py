"""The prints of registered photos in the record: written with a photo's garments, read as packed words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, insert, select, update

from index.labels import tenant_key
from index.prints import NO_PRINT, Prints, words_of
from index.reading import MOST_NAMED
from index.records import ChangeKind, ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord, PrintRecord

BATCH_ROWS = 8192
PRINT_COLUMNS = ("photo_number", "models_version", "item_number", "photo", "design")


_PRINTS = (
    select(PrintRecord.photo_number, PrintRecord.item_number, ItemRecord.tenant, PrintRecord.photo, PrintRecord.design)
    .join(ItemRecord, ItemRecord.number == PrintRecord.item_number)
    .where(PrintRecord.models_version == bindparam("version"))
    .order_by(PrintRecord.photo_number)
)
_OF_ITEMS = _PRINTS.where(PrintRecord.item_number.in_(bindparam("numbers", expanding=True)))


def read_prints(
    connection: Connection, models_version: str, item_numbers: Sequence[int] | None = None
) -> Iterator[Prints]:
    """In batches, of some items or of all."""
    if item_numbers is None:
        streamed = connection.execution_options(yield_per=BATCH_ROWS)
        yield from _batches(streamed, _PRINTS, {"version": models_version})
        return
    for start in range(0, len(item_numbers), MOST_NAMED):
        some = list(item_numbers[start : start + MOST_NAMED])
        yield from _batches(connection, _OF_ITEMS, {"version": models_version, "numbers": some})


def insert_print(connection: Connection, row: dict[str, Any]) -> None:
    """Of a photo that these models have described just now; the whole photo's print is kept if another has it."""
    if row["photo"] is None:
        theirs = (PrintRecord.photo_number == row["photo_number"], PrintRecord.photo.is_not(None))
        row = row | {"photo": connection.scalar(select(PrintRecord.photo).where(*theirs).limit(1))}
    connection.execute(insert(PrintRecord).values(row))


def find_designs(connection: Connection, photo_numbers: Sequence[int], models_version: str) -> dict[int, int]:
    """Photo number → garment number of its design."""
    chosen = select(GarmentRecord.photo_number, GarmentRecord.number).where(
        GarmentRecord.photo_number.in_(photo_numbers),
        GarmentRecord.is_design,
        # Joined with nothing, so that SQLite looks the photos up instead of going through a whole version.
        GarmentRecord.models_version + "" == models_version,
    )
    return {row.photo_number: row.number for row in connection.execute(chosen)}


def read_unprinted(connection: Connection, after: int, limit: int) -> list[tuple[int, str]]:
    """Number and sha256 of photos whose whole print is not known, by number, those after one."""
    chosen = select(PhotoRecord.number, PhotoRecord.sha256).where(PhotoRecord.number > after, _is_unprinted())
    return [(row.number, row.sha256) for row in connection.execute(chosen.order_by(PhotoRecord.number).limit(limit))]


def set_photo_prints(connection: Connection, prints: Sequence[tuple[int, bytes]]) -> int:
    """Write (photo number, print of the whole photo) where it is open; how many photos. Live indexes hear of them."""
    items = set()
    for number, photo in prints:
        open_rows = (PrintRecord.photo_number == number, PrintRecord.photo.is_(None))
        items |= set(connection.scalars(select(PrintRecord.item_number).where(*open_rows)))
        connection.execute(update(PrintRecord).where(*open_rows).values(photo=photo))
    chosen = select(ItemRecord.number, ItemRecord.item_id, ItemRecord.tenant).where(ItemRecord.number.in_(items))
    rows = [
        {"kind": ChangeKind.DESCRIBED.value, "item_number": number, "item_id": item_id, "tenant": tenant}
        for number, item_id, tenant in connection.execute(chosen.order_by(ItemRecord.number))
    ]
    if rows:
        connection.execute(insert(ChangeRecord), [row | {"at": datetime.now(UTC)} for row in rows])
    return len(rows)


def _is_unprinted() -> ColumnElement[bool]:
    return exists().where(PrintRecord.photo_number == PhotoRecord.number, PrintRecord.photo.is_(None))


def _batches(connection: Connection, chosen: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> Iterator[Prints]:
    with connection.execute(chosen, values) as found:
        for rows in found.partitions(BATCH_ROWS):
            photos, items, owners, wholes, designs = zip(*rows, strict=True)
            keys = {owner: tenant_key(owner) for owner in set(owners)}
            yield Prints(
                np.array(photos, dtype=np.int64),
                np.array(items, dtype=np.int64),
                np.array([keys[owner] for owner in owners], dtype=np.int64),
                words_of([NO_PRINT if whole is None else whole for whole in wholes]),
                words_of(designs),
            )
