"""What a write does to the tables, inside the transaction that its caller holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from index.errors import EmbeddingMismatch, InvalidQuery
from index.garment_rows import garment_to_row
from index.reading import last_sequence, number_of
from index.records import ChangeKind, ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord
from index.types import Added, ItemDetails, NewPhoto
from models.taxonomy import REGION_COUNT

PHOTO_ID_DIGITS = 24
MOST_NESTED = 32
"""Levels of objects and lists in metadata: what is kept has to be readable by every reader's recursion."""


def register_photo(connection: Connection, photo: NewPhoto) -> Added:
    """Write a photo, unless its item has it; a photo that other models described is described anew."""
    _check_dimension(connection, photo)
    number, details_changed = _place_item(connection, photo)
    known_version = connection.scalar(
        select(PhotoRecord.models_version).where(PhotoRecord.item_number == number, PhotoRecord.sha256 == photo.sha256)
    )
    photo_id = f"pho_{photo.sha256[:PHOTO_ID_DIGITS]}"
    if known_version == photo.models_version and not (photo.replace and _replacing_matters(connection, number, photo)):
        if details_changed:
            _log(connection, ChangeKind.PATCHED, number, photo.item_id)
        return Added(photo.item_id, photo_id, False, last_sequence(connection))
    obsolete = delete(PhotoRecord).where(PhotoRecord.item_number == number)
    connection.execute(obsolete if photo.replace else obsolete.where(PhotoRecord.sha256 == photo.sha256))
    _insert_photo(connection, number, photo_id, photo)
    kind = ChangeKind.REPLACED if photo.replace else ChangeKind.ADDED
    return Added(photo.item_id, photo_id, known_version is None, _log(connection, kind, number, photo.item_id))


def patch_item(connection: Connection, number: int, item_id: str, details: ItemDetails) -> None:
    """Write the details that are said and differ."""
    if _merge_details(connection, number, details):
        _log(connection, ChangeKind.PATCHED, number, item_id)


def forget_item(connection: Connection, number: int, item_id: str) -> None:
    """Delete an item with all that hangs on it."""
    connection.execute(delete(ItemRecord).where(ItemRecord.number == number))
    _log(connection, ChangeKind.DELETED, number, item_id)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: the keys of `patch` replace those of `target`, null removes. Source: the RFC, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _check_dimension(connection: Connection, photo: NewPhoto) -> None:
    said = {garment.embeddings.dimension for garment in photo.garments}
    bytes_held = connection.scalar(
        select(func.length(GarmentRecord.vectors)).where(GarmentRecord.models_version == photo.models_version).limit(1)
    )
    held = said if bytes_held is None else {bytes_held // 4 // REGION_COUNT}
    if len(said | held) != 1:
        raise EmbeddingMismatch(f"models {photo.models_version} made vectors of {held}, not {said} numbers")


def _place_item(connection: Connection, photo: NewPhoto) -> tuple[int, bool]:
    """The item's number, made if need be, and whether its details changed."""
    number = number_of(connection, photo.item_id)
    if number is None:
        now = datetime.now(UTC)
        row = {"item_id": photo.item_id, "created_at": now, "updated_at": now}
        made = connection.execute(insert(ItemRecord).values(row)).inserted_primary_key
        assert made is not None
        number = int(made[0])
    return number, _merge_details(connection, number, photo.details)


def _merge_details(connection: Connection, number: int, details: ItemDetails) -> bool:
    """Write what is said and differs; whether anything did."""
    if details.published_at is not None and details.published_at.tzinfo is None:
        raise InvalidQuery("published_at needs a time zone")
    held = connection.execute(
        select(ItemRecord.seller_id, ItemRecord.title, ItemRecord.url, ItemRecord.published_at, ItemRecord.extra).where(
            ItemRecord.number == number
        )
    ).one()
    said: dict[str, Any] = {name: getattr(details, name) for name in ("seller_id", "title", "url", "published_at")}
    if details.metadata is not None:
        said["extra"] = _merge_metadata(held.extra, details.metadata)
    new = {name: value for name, value in said.items() if value is not None and value != getattr(held, name)}
    if new:
        connection.execute(update(ItemRecord).where(ItemRecord.number == number).values(new))
    return bool(new)


def _merge_metadata(held: Any, said: Mapping[str, Any]) -> Any:
    if _deeper_than(MOST_NESTED, said):
        raise InvalidQuery(f"metadata is nested more than {MOST_NESTED} deep")
    try:
        merged = merge_patch(held, said)
        json.dumps(merged, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidQuery(f"metadata is no JSON object that can be kept: {error}") from error
    return merged


def _deeper_than(levels: int, value: Any) -> bool:
    if not isinstance(value, Mapping | list):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(_deeper_than(levels - 1, one) for one in inner)


def _replacing_matters(connection: Connection, number: int, photo: NewPhoto) -> bool:
    """Whether the item has other photos, or searches another garment of this one."""
    photos = connection.scalar(select(func.count()).where(PhotoRecord.item_number == number))
    position = connection.scalar(
        select(GarmentRecord.position).where(GarmentRecord.item_number == number, GarmentRecord.is_design)
    )
    return photos != 1 or position != photo.design


def _insert_photo(connection: Connection, number: int, photo_id: str, photo: NewPhoto) -> None:
    row = {
        "item_number": number,
        "photo_id": photo_id,
        "sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "models_version": photo.models_version,
        "added_at": datetime.now(UTC),
    }
    made = connection.execute(insert(PhotoRecord).values(row)).inserted_primary_key
    assert made is not None
    garments = [
        {
            "photo_number": made[0],
            "item_number": number,
            "position": position,
            "is_design": position == photo.design,
            "models_version": photo.models_version,
            **garment_to_row(garment),
        }
        for position, garment in enumerate(photo.garments)
    ]
    connection.execute(insert(GarmentRecord), garments)


def _log(connection: Connection, kind: ChangeKind, number: int, item_id: str) -> int:
    """Append to the change log and date the item; the change's sequence."""
    now = datetime.now(UTC)
    connection.execute(update(ItemRecord).where(ItemRecord.number == number).values(updated_at=now))
    row = {"kind": kind.value, "item_number": number, "item_id": item_id, "at": now}
    made = connection.execute(insert(ChangeRecord).values(row)).inserted_primary_key
    assert made is not None
    return int(made[0])
