"""What registering photos does to the tables, inside the transaction that its caller holds.

Photos of items that nobody knows yet, the bulk of all adds, are written together with a handful of statements; the rest
one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_

from index.errors import EmbeddingMismatch
from index.generations import Description, garment_rows, insert_description, is_described
from index.reading import last_sequence, number_of
from index.records import ChangeKind, ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord
from index.types import Added, NewPhoto
from index.writing import append_change, details_said, merge_details
from models.taxonomy import REGION_COUNT

PHOTO_ID_DIGITS = 24


def register_photos(connection: Connection, photos: Sequence[NewPhoto]) -> list[Added]:
    """As if each were registered alone, those of new items first; raises if any of them cannot be."""
    places = {(photo.tenant, photo.item_id): n for n, photo in reversed(list(enumerate(photos)))}
    known = select(ItemRecord.tenant, ItemRecord.item_id).where(
        tuple_(ItemRecord.tenant, ItemRecord.item_id).in_(list(places))
    )
    for tenant, item_id in connection.execute(known):
        del places[tenant, item_id]
    fresh = sorted(places.values())
    added = dict(zip(fresh, _register_new_items(connection, [photos[n] for n in fresh]), strict=True))
    return [added[n] if n in added else register_photo(connection, photo) for n, photo in enumerate(photos)]


def register_photo(connection: Connection, photo: NewPhoto) -> Added:
    """Write a photo, unless its item has it; what other models saw of it stays beside."""
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
        _insert_photos(connection, [number], [photo])
    else:
        insert_description(connection, number, version, Description(held.number, photo.garments, photo.design))
    kind = ChangeKind.REPLACED if photo.replace else ChangeKind.ADDED
    sequence = append_change(connection, kind, number, photo.item_id, photo.tenant)
    return Added(photo.item_id, photo_id, held is None, sequence)


def _register_new_items(connection: Connection, photos: Sequence[NewPhoto]) -> list[Added]:
    """The first photo of each of these items, none of which is known."""
    if not photos:
        return []
    _check_dimensions(connection, photos)
    now = datetime.now(UTC)
    items = [
        {"tenant": photo.tenant, "item_id": photo.item_id, "created_at": now, "updated_at": now}
        | details_said(photo.details)
        for photo in photos
    ]
    numbers = _insert_numbered(connection, ItemRecord, ItemRecord.number, items)
    _insert_photos(connection, numbers, photos)
    kinds = [ChangeKind.REPLACED if photo.replace else ChangeKind.ADDED for photo in photos]
    changes = [
        {"kind": kind.value, "item_number": number, "tenant": photo.tenant, "item_id": photo.item_id, "at": now}
        for kind, number, photo in zip(kinds, numbers, photos, strict=True)
    ]
    sequences = _insert_numbered(connection, ChangeRecord, ChangeRecord.sequence, changes)
    return [
        Added(photo.item_id, _photo_id(photo), True, sequence)
        for photo, sequence in zip(photos, sequences, strict=True)
    ]


def _check_dimensions(connection: Connection, photos: Sequence[NewPhoto]) -> None:
    said: dict[str, set[int]] = defaultdict(set)
    for photo in photos:
        said[photo.models_version] |= {garment.embeddings.dimension for garment in photo.garments}
    for version, dimensions in said.items():
        bytes_held = connection.scalar(
            select(func.length(GarmentRecord.vectors)).where(GarmentRecord.models_version == version).limit(1)
        )
        held = dimensions if bytes_held is None else {bytes_held // 4 // REGION_COUNT}
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


def _insert_photos(connection: Connection, item_numbers: Sequence[int], photos: Sequence[NewPhoto]) -> None:
    """Each with its garments, under the item of that number."""
    now = datetime.now(UTC)
    rows = [
        {
            "item_number": number,
            "photo_id": _photo_id(photo),
            "sha256": photo.sha256,
            "width": photo.width,
            "height": photo.height,
            "models_version": photo.models_version,
            "added_at": now,
        }
        for number, photo in zip(item_numbers, photos, strict=True)
    ]
    photo_numbers = _insert_numbered(connection, PhotoRecord, PhotoRecord.number, rows)
    garments = [
        row
        for number, photo_number, photo in zip(item_numbers, photo_numbers, photos, strict=True)
        for row in garment_rows(number, photo.models_version, Description(photo_number, photo.garments, photo.design))
    ]
    connection.execute(insert(GarmentRecord), garments)


def _insert_numbered(connection: Connection, record: type[Any], number: Any, rows: list[dict[str, Any]]) -> list[int]:
    """The numbers that the rows were given, in their order."""
    return list(connection.scalars(insert(record).returning(number, sort_by_parameter_order=True), rows))


def _photo_id(photo: NewPhoto) -> str:
    return f"pho_{photo.sha256[:PHOTO_ID_DIGITS]}"
