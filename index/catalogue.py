"""The durable record of items, photos and garments: when a method that writes returns, its change is on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Select, select

from index.database import Database
from index.design_rows import read_designs
from index.generations import (
    Description,
    UndescribedPhoto,
    count_undescribed,
    describe_photos,
    drop_other_descriptions,
    read_undescribed,
)
from index.labels import Ids
from index.leases import Leases
from index.manifest import Moment
from index.print_rows import find_designs, read_prints, read_unprinted, set_photo_prints
from index.prints import Prints
from index.reading import (
    FoundGarment,
    count_all,
    count_designs,
    find_garments,
    known_number,
    last_sequence,
    list_items,
    number_of,
    read_changes,
    read_items,
)
from index.records import ItemRecord, PhotoRecord
from index.registering import PreparedPhoto, register_photos
from index.types import (
    DEFAULT_TENANT,
    Added,
    CatalogueCounts,
    CatalogueItem,
    Change,
    ItemDetails,
    ItemFilters,
    ItemPage,
    NewPhoto,
)
from index.vectors import Designs
from index.writing import forget_items, patch_items


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What is now true of the items that changed up to `sequence`: all designs and prints of `item_numbers`."""

    sequence: int
    item_numbers: Ids
    designs: Designs
    prints: Prints


class Catalogue:
    """The record behind one database URL; may be used from any thread. Raises IndexUnavailable when it is out."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.leases = Leases(self._database)

    def add(self, photo: NewPhoto) -> Added:
        """Register a photo; a known one changes nothing but details. Raises EmbeddingMismatch, InvalidQuery."""
        return self._database.write(register_photos, PreparedPhoto.of(photo))

    def get(self, item_id: str, tenant: str = DEFAULT_TENANT) -> CatalogueItem:
        """Raises ItemNotFound."""
        with self._database.reading() as connection:
            return read_items(connection, [known_number(connection, item_id, tenant)])[0]

    def patch(self, item_id: str, details: ItemDetails, tenant: str = DEFAULT_TENANT) -> CatalogueItem:
        """Change the details that are said, as RFC 7396 does. Raises ItemNotFound, InvalidQuery."""
        return self._database.write(patch_items, (item_id, tenant, details))

    def delete(self, item_id: str, tenant: str = DEFAULT_TENANT) -> None:
        """Forget an item, its photos and garments. Raises ItemNotFound."""
        self._database.write(forget_items, (item_id, tenant))

    def list(self, cursor: str | None = None, limit: int = 50, filters: ItemFilters | None = None) -> ItemPage:
        """A page of a tenant's items, oldest first. Raises InvalidQuery for a cursor that is not ours."""
        with self._database.reading() as connection:
            return list_items(connection, cursor, limit, filters or ItemFilters())

    def counts(self, tenant: str | None = None) -> CatalogueCounts:
        """Of one tenant, or of all together."""
        with self._database.reading() as connection:
            return count_all(connection, tenant)

    def last_sequence(self) -> int:
        """The latest change; 0 for a record that nothing happened to."""
        with self._database.reading() as connection:
            return last_sequence(connection)

    def changes_since(self, sequence: int, limit: int = 1000) -> tuple[Change, ...]:
        """Changes after `sequence`, in the order they were committed."""
        with self._database.reading() as connection:
            rows = read_changes(connection, sequence, limit)
            return tuple(Change(row.sequence, row.kind, row.item_id, row.at, row.tenant) for row in rows)

    def first_change(self) -> Moment | None:
        """The change that this record began with, by which it is told from others; None where there was none."""
        with self._database.reading() as connection:
            rows = read_changes(connection, 0, 1)
        return Moment(sequence=rows[0].sequence, item_id=rows[0].item_id, at=rows[0].at) if rows else None

    def moment(self, sequence: int) -> Moment | None:
        """The change of that number, as a snapshot remembers it; None where the record has none."""
        if sequence == 0:
            return Moment(sequence=0)
        with self._database.reading() as connection:
            rows = [row for row in read_changes(connection, sequence - 1, 1) if row.sequence == sequence]
        return Moment(sequence=sequence, item_id=rows[0].item_id, at=rows[0].at) if rows else None

    def count_designs(self, models_version: str) -> tuple[int, int]:
        """The latest change, and how many garments of a models version are searched as of then."""
        with self._database.reading() as connection:
            return last_sequence(connection), count_designs(connection, models_version)

    def changed_since(self, sequence: int, models_version: str, limit: int = 1000) -> Changed | None:
        """What the next changes after `sequence` made of their items; None where there are none."""
        with self._database.reading() as connection:
            rows = read_changes(connection, sequence, limit)
            if not rows:
                return None
            numbers = sorted({row.item_number for row in rows})
            parts = list(read_designs(connection, models_version, numbers))
            prints = Prints.joined(list(read_prints(connection, models_version, numbers)))
            return Changed(rows[-1].sequence, np.array(numbers, dtype=np.int64), Designs.joined(parts), prints)

    def prints_since(self, sequence: int, models_version: str, limit: int = 1000) -> tuple[int, Ids, Prints] | None:
        """Of `changed_since` the sequence, the items and their prints, where another keeps the designs."""
        with self._database.reading() as connection:
            rows = read_changes(connection, sequence, limit)
            if not rows:
                return None
            numbers = sorted({row.item_number for row in rows})
            prints = Prints.joined(list(read_prints(connection, models_version, numbers)))
            return rows[-1].sequence, np.array(numbers, dtype=np.int64), prints

    def designs(self, models_version: str) -> Iterator[tuple[int, Designs]]:
        """All searched garments of a models version in batches, each with the sequence at which all were read."""
        with self._database.reading() as connection:
            sequence = last_sequence(connection)
            for batch in read_designs(connection, models_version, None):
                yield sequence, batch
            yield sequence, Designs.joined([])

    def prints(self, models_version: str) -> Prints:
        """Of every photo whose design these models have described, as of now."""
        with self._database.reading() as connection:
            return Prints.joined(list(read_prints(connection, models_version)))

    def unprinted(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Number and sha256 of photos whose whole print is not known yet, by number, those after one."""
        with self._database.reading() as connection:
            return read_unprinted(connection, after, limit)

    def keep_prints(self, prints: Sequence[tuple[int, bytes]]) -> int:
        """Keep (photo number, print of the whole photo) where there is none; how many items that changed."""
        with self._database.writing() as connection:
            return set_photo_prints(connection, prints)

    def designs_of(self, photo_numbers: Sequence[int], models_version: str) -> Mapping[int, int]:
        """Photo number → id of the garment that these models' searches find it by; those that are gone are left out."""
        with self._database.reading() as connection:
            return find_designs(connection, photo_numbers, models_version)

    def count_undescribed(self, models_version: str, tenant: str | None = None) -> int:
        """Photos of one tenant, or of all, that these models have not described: no search of theirs finds them."""
        with self._database.reading() as connection:
            return count_undescribed(connection, models_version, tenant)

    def undescribed(self, models_version: str, after: int, limit: int) -> tuple[UndescribedPhoto, ...]:
        """Photos that these models have not described, by number, those after one."""
        with self._database.reading() as connection:
            return read_undescribed(connection, models_version, after, limit)

    def describe(self, models_version: str, described: Sequence[Description]) -> int:
        """Keep what these models saw beside what others did, all or none; how many photos were still there."""
        with self._database.writing() as connection:
            return describe_photos(connection, models_version, described)

    def drop_other_descriptions(self, models_version: str, limit: int = 500) -> int:
        """Forget what other models saw of at most `limit` photos that these have described; 0 where none are left."""
        with self._database.writing() as connection:
            return drop_other_descriptions(connection, models_version, limit)

    def find(self, garment_ids: Sequence[int], tenant: str = DEFAULT_TENANT) -> Mapping[int, FoundGarment]:
        """A tenant's garments by id with item and photo; those that are gone, or another's, are left out."""
        with self._database.reading() as connection:
            return find_garments(connection, garment_ids, tenant)

    def number_of(self, item_id: str, tenant: str = DEFAULT_TENANT) -> int | None:
        """The number under which an item's garments are searched."""
        with self._database.reading() as connection:
            return number_of(connection, item_id, tenant)

    def photo_hashes(self, item_id: str | None = None, tenant: str = DEFAULT_TENANT) -> frozenset[str]:
        """sha256 of every photo of an item, or of the whole record."""
        chosen = select(PhotoRecord.sha256).distinct()
        if item_id is not None:
            chosen = _photos_of(chosen, item_id, tenant)
        with self._database.reading() as connection:
            return frozenset(connection.scalars(chosen))

    def photo_hash(self, item_id: str, photo_id: str, tenant: str = DEFAULT_TENANT) -> str | None:
        """sha256 of one photo of an item; None where there is no such photo."""
        chosen = _photos_of(select(PhotoRecord.sha256), item_id, tenant)
        with self._database.reading() as connection:
            return connection.scalar(chosen.where(PhotoRecord.photo_id == photo_id))

    def refers_to(self, sha256: str) -> bool:
        """Whether any photo has these bytes."""
        chosen = select(PhotoRecord.number).where(PhotoRecord.sha256 == sha256).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(chosen) is not None

    def copy_to(self, path: Path) -> Path | None:
        """A copy of the record as of now, in one SQLite file; None for PostgreSQL, which pg_dump copies."""
        return self._database.copy_to(path)

    def close(self) -> None:
        self._database.close()


def _photos_of(chosen: Select[str], item_id: str, tenant: str) -> Select[str]:
    joined = chosen.join(ItemRecord, ItemRecord.number == PhotoRecord.item_number)
    return joined.where(ItemRecord.tenant == tenant, ItemRecord.item_id == item_id)
