"""What registering photos does to the tables, inside the transaction that its caller holds.

Photos of items that nobody knows yet, the bulk of all adds, are written together with a handful of statements; the rest
one by one. What needs no record is done before the transaction, where it keeps no other writer waiting.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from index.driver_statements import Insert, ask, kept
from index.errors import EmbeddingMismatch
from index.garment_rows import GARMENT_COLUMNS, garment_to_row
from index.generations import Description, insert_description, is_described
from index.moments import moment_text
from index.print_rows import PRINT_COLUMNS, insert_print
from index.reading import last_sequence, number_of
from index.records import ChangeKind, ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord, PrintRecord
from index.types import Added, NewPhoto
from index.writing import DETAIL_COLUMNS, append_change, details_said, merge_details
from models.taxonomy import REGION_COUNT

PHOTO_ID_DIGITS = 24
_KNOWN = "SELECT tenant, item_id FROM items WHERE {}"
# One by one: pairs IN a list of two or more SQLite looks for by going through every item there is.
_ITS_PLACE = "(tenant = ? AND item_id = ?)"
_HELD_BYTES = "SELECT length(vectors) FROM garments WHERE models_version = ? LIMIT 1"
_ITEMS = Insert(ItemRecord, ("number", "tenant", "item_id", "created_at", "updated_at", *DETAIL_COLUMNS))
_PHOTO_COLUMNS = ("number", "item_number", "photo_id", "sha256", "width", "height", "models_version", "added_at")
_PHOTOS = Insert(PhotoRecord, _PHOTO_COLUMNS)
_GARMENTS = Insert(
    GarmentRecord,
    ("item_number", "photo_number", "position", "is_design", "models_version", *GARMENT_COLUMNS),
)
_PRINTS = Insert(PrintRecord, PRINT_COLUMNS)
_CHANGES = Insert(ChangeRecord, ("sequence", "kind", "item_number", "tenant", "item_id", "at"))
_LAST_NUMBERS = "SELECT name, seq FROM sqlite_sequence"
_NEXT_NUMBERS = (
    "SELECT nextval(pg_get_serial_sequence('items', 'number')), nextval(pg_get_serial_sequence('photos', 'number')),"
    " nextval(pg_get_serial_sequence('changes', 'sequence')) FROM generate_series(1, ?)"
)


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A photo and its rows, as far as they can be known before: `said` of a new item, `garments` without numbers."""

    photo: NewPhoto
    said: dict[str, Any]
    garments: tuple[dict[str, Any], ...]

    @staticmethod
    def of(photo: NewPhoto) -> PreparedPhoto:
        """Raises InvalidQuery."""
        garments = tuple(
            {
                "position": position,
                "is_design": position == photo.design,
                "models_version": photo.models_version,
                **{name: kept(value) for name, value in garment_to_row(garment).items()},
            }
            for position, garment in enumerate(photo.garments)
        )
        said = {name: kept(value) for name, value in details_said(photo.details).items()}
        return PreparedPhoto(photo, said, garments)


def register_photos(connection: Connection, photos: Sequence[PreparedPhoto]) -> list[Added]:
    """As if each were registered alone, those of new items first; raises if any of them cannot be."""
    places = {(one.photo.tenant, one.photo.item_id): n for n, one in reversed(list(enumerate(photos)))}
    known = _KNOWN.format(" OR ".join([_ITS_PLACE] * len(places)))
    for tenant, item_id in ask(connection, known, list(itertools.chain.from_iterable(places))):
        del places[tenant, item_id]
    fresh = sorted(places.values())
    added = dict(zip(fresh, _register_new_items(connection, [photos[n] for n in fresh]), strict=True))
    return [added[n] if n in added else register_photo(connection, one) for n, one in enumerate(photos)]


def register_photo(connection: Connection, prepared: PreparedPhoto) -> Added:
    """Write a photo, unless its item has it; what other models saw of it stays beside."""
    photo = prepared.photo
    _check_dimensions(connection, [photo])
    number, details_changed = _place_item(connection, photo)
    held = connection.execute(
        select(PhotoRecord.number, PhotoRecord.models_version).where(
            PhotoRecord.item_number == number, PhotoRecord.sha256 == photo.sha256
        )
    ).one_or_none()
    version, photo_id = photo.models_version, _photo_id(photo)
    known = held is not None and (held.models_version == version or is_described(connection, held.number, version))
    if known and not (photo.replace and _replacing_matters(connection, number, photo)):
        if details_changed:
            append_change(connection, ChangeKind.PATCHED, number, photo.item_id, photo.tenant)
        return Added(photo.item_id, photo_id, False, last_sequence(connection))
    if photo.replace:
        obsolete = delete(PhotoRecord).where(PhotoRecord.item_number == number)
        connection.execute(obsolete if held is None or known else obsolete.where(PhotoRecord.number != held.number))
    if held is None or known:
        row = _photo_row(photo, number) | {"added_at": datetime.now(UTC)}
        made = connection.execute(insert(PhotoRecord).values(row)).inserted_primary_key
        assert made is not None
        _insert_garments(connection, [(number, int(made[0]), prepared)])
        insert_print(connection, _print_row(number, int(made[0]), photo))
    else:
        insert_description(connection, number, version, _description(held.number, photo))
    kind = ChangeKind.REPLACED if photo.replace else ChangeKind.ADDED
    sequence = append_change(connection, kind, number, photo.item_id, photo.tenant)
    return Added(photo.item_id, photo_id, held is None, sequence)


def _register_new_items(connection: Connection, photos: Sequence[PreparedPhoto]) -> list[Added]:
    """The first photo of each of these items, none of which is known."""
    if not photos:
        return []
    _check_dimensions(connection, [one.photo for one in photos])
    now = moment_text(datetime.now(UTC))
    items, pictures, changes, owners, added = [], [], [], [], []
    for one, (number, photo_number, sequence) in zip(photos, _next_numbers(connection, len(photos)), strict=True):
        photo = one.photo
        place = {"tenant": photo.tenant, "item_id": photo.item_id}
        kind = ChangeKind.REPLACED if photo.replace else ChangeKind.ADDED
        items.append({"number": number, **place, "created_at": now, "updated_at": now, **one.said})
        pictures.append({"number": photo_number, **_photo_row(photo, number), "added_at": now})
        changes.append({"sequence": sequence, "kind": kind.value, "item_number": number, **place, "at": now})
        owners.append((number, photo_number, one))
        added.append(Added(photo.item_id, _photo_id(photo), True, sequence))
    _ITEMS.run(connection, items)
    _PHOTOS.run(connection, pictures)
    _insert_garments(connection, owners)
    _PRINTS.run(connection, [_print_row(number, photo_number, one.photo) for number, photo_number, one in owners])
    _CHANGES.run(connection, changes)
    return added


def _next_numbers(connection: Connection, count: int) -> list[tuple[int, int, int]]:
    """Of so many items, photos and changes, never used before: the caller is the only writer.

    To let the database number the rows would take a statement for each in SQLite, so as to know which got which.
    """
    if connection.dialect.name == "postgresql":
        return [(row[0], row[1], row[2]) for row in ask(connection, _NEXT_NUMBERS, [count])]
    last: dict[str, int] = dict(ask(connection, _LAST_NUMBERS))
    items, photos, changes = (last.get(table, 0) for table in ("items", "photos", "changes"))
    return [(items + n, photos + n, changes + n) for n in range(1, count + 1)]


def _check_dimensions(connection: Connection, photos: Sequence[NewPhoto]) -> None:
    said: dict[str, set[int]] = defaultdict(set)
    for photo in photos:
        said[photo.models_version] |= {garment.embeddings.dimension for garment in photo.garments}
    for version, dimensions in said.items():
        rows = ask(connection, _HELD_BYTES, [version])
        held = {rows[0][0] // 4 // REGION_COUNT} if rows else dimensions
        if len(dimensions | held) != 1:
            raise EmbeddingMismatch(f"models {version} made vectors of {held}, not {dimensions} numbers")


def _place_item(connection: Connection, photo: NewPhoto) -> tuple[int, bool]:
    """The item's number, made if need be, and whether its details changed."""
    number = number_of(connection, photo.item_id, photo.tenant)
    if number is None:
        now = datetime.now(UTC)
        row = {"tenant": photo.tenant, "item_id": photo.item_id, "created_at": now, "updated_at": now}
        made = connection.execute(insert(ItemRecord).values(row)).inserted_primary_key
        assert made is not None
        number = int(made[0])
    return number, merge_details(connection, number, photo.details)


def _replacing_matters(connection: Connection, number: int, photo: NewPhoto) -> bool:
    """Whether the item has other photos, or searches another garment of this one."""
    photos = connection.scalar(select(func.count()).where(PhotoRecord.item_number == number))
    position = connection.scalar(
        select(GarmentRecord.position).where(
            GarmentRecord.item_number == number,
            GarmentRecord.is_design,
            GarmentRecord.models_version == photo.models_version,
        )
    )
    return photos != 1 or position != photo.design


def _photo_row(photo: NewPhoto, item_number: int) -> dict[str, Any]:
    return {
        "item_number": item_number,
        "photo_id": _photo_id(photo),
        "sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "models_version": photo.models_version,
    }


def _print_row(item_number: int, photo_number: int, photo: NewPhoto) -> dict[str, Any]:
    return {
        "photo_number": photo_number,
        "models_version": photo.models_version,
        "item_number": item_number,
        "photo": photo.fingerprint,
        "design": photo.garments[photo.design].fingerprint,
    }


def _description(photo_number: int, photo: NewPhoto) -> Description:
    return Description(photo_number, photo.garments, photo.design, photo.fingerprint)


def _insert_garments(connection: Connection, owners: Sequence[tuple[int, int, PreparedPhoto]]) -> None:
    """The garments of every (item number, photo number, photo)."""
    rows = [
        {"item_number": number, "photo_number": photo_number, **garment}
        for number, photo_number, one in owners
        for garment in one.garments
    ]
    _GARMENTS.run(connection, rows)


def _photo_id(photo: NewPhoto) -> str:
    return f"pho_{photo.sha256[:PHOTO_ID_DIGITS]}"
