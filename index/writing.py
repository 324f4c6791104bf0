"""What patching and forgetting do to the tables, inside the transaction that their caller holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from index.errors import InvalidQuery
from index.reading import known_number, read_items
from index.records import ChangeKind, ChangeRecord, ItemRecord
from index.types import CatalogueItem, ItemDetails

DETAIL_COLUMNS = ("seller_id", "title", "url", "published_at", "disabled_until", "extra")
MOST_NESTED = 32
"""Levels of objects and lists in metadata: what is kept has to be readable by every reader's recursion."""


def patch_items(connection: Connection, patches: Sequence[tuple[str, str, ItemDetails]]) -> list[CatalogueItem]:
    """Write the details that are said and differ, for every (item id, tenant, details). Raises ItemNotFound."""
    patched = []
    for item_id, tenant, details in patches:
        number = known_number(connection, item_id, tenant)
        if merge_details(connection, number, details):
            append_change(connection, ChangeKind.PATCHED, number, item_id, tenant)
        patched += read_items(connection, [number])
    return patched


def forget_items(connection: Connection, items: Sequence[tuple[str, str]]) -> list[None]:
    """Delete every (item id, tenant) with all that hangs on it. Raises ItemNotFound."""
    for item_id, tenant in items:
        number = known_number(connection, item_id, tenant)
        connection.execute(delete(ItemRecord).where(ItemRecord.number == number))
        append_change(connection, ChangeKind.DELETED, number, item_id, tenant)
    return [None] * len(items)


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


def merge_details(connection: Connection, number: int, details: ItemDetails) -> bool:
    """Write what is said and differs; whether anything did. Raises InvalidQuery."""
    held = connection.execute(
        select(*(getattr(ItemRecord, name) for name in DETAIL_COLUMNS)).where(ItemRecord.number == number)
    ).one()
    said = details_said(details, held.extra)
    new = {name: value for name, value in said.items() if value is not None and not _same(value, getattr(held, name))}
    if new:
        connection.execute(update(ItemRecord).where(ItemRecord.number == number).values(new))
    return bool(new)


def details_said(details: ItemDetails, held_metadata: Any = None) -> dict[str, Any]:
    """Column → value, None where not said; metadata merged with what is held. Raises InvalidQuery."""
    for name in ("published_at", "disabled_until"):
        if (moment := getattr(details, name)) is not None and moment.tzinfo is None:
            raise InvalidQuery(f"{name} needs a time zone")
    said: dict[str, Any] = {name: getattr(details, name) for name in DETAIL_COLUMNS if name != "extra"}
    said["extra"] = None if details.metadata is None else _merge_metadata(held_metadata, details.metadata)
    return said


def _same(said: Any, held: Any) -> bool:
    """Metadata as JSON has it: Python finds 1, 1.0 and true equal."""
    return _as_json(said) == _as_json(held) if isinstance(said, Mapping) else bool(said == held)


def _as_json(value: Any) -> str:
    """Whatever the order of its keys, all of which are strings once they were written."""
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True)


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


def append_change(connection: Connection, kind: ChangeKind, number: int, item_id: str, tenant: str) -> int:
    """Append to the change log and date the item; the change's sequence."""
    now = datetime.now(UTC)
    connection.execute(update(ItemRecord).where(ItemRecord.number == number).values(updated_at=now))
    row = {"kind": kind.value, "item_number": number, "tenant": tenant, "item_id": item_id, "at": now}
    made = connection.execute(insert(ChangeRecord).values(row)).inserted_primary_key
    assert made is not None
    return int(made[0])
