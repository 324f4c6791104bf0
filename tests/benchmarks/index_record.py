"""A record of grown garments as a service would have it: every table filled, every column as long as it would be."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import create_engine, insert

from index.catalogue import Catalogue
from index.garment_rows import garment_to_row
from index.labels import category_code
from index.records import ChangeKind, ChangeRecord, GarmentRecord, ItemRecord, PhotoRecord, PrintRecord
from index.types import ItemDetails, NewPhoto
from index.vectors import Designs
from models.fingerprint import FINGERPRINT_BYTES
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT, Category
from models.types import DescribedGarment, RegionEmbeddings
from tests.factories import make_garment

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CATEGORIES = {category_code(category): category for category in Category}
LAX = ("synchronous = OFF", "cache_size = -1000000", "foreign_keys = OFF")
"""Filling is not what is measured. The cache, 1 GB, is for the indexes whose keys come in no order."""


def fill_record(path: Path, batches: Iterable[Designs], models_version: str) -> None:
    """A new SQLite record of these designs, one item, photo, garment, print and change each, all of the same number.

    What is no vector is made up: regions, landmarks and colours of another garment of that category, random prints.
    """
    Catalogue(f"sqlite:///{path}").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        for pragma in LAX:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        connection.commit()
        for designs in batches:
            for table, rows in _rows(designs, models_version):
                connection.execute(insert(table), rows)
            connection.commit()
    engine.dispose()


def _rows(designs: Designs, models_version: str) -> Iterator[tuple[type[Any], list[dict[str, Any]]]]:
    """Table by table, those that are referred to first."""
    numbers = designs.garment_ids.tolist()
    versioned = {"models_version": models_version}
    items = [{"number": n, "item_id": item_id(n), "seller_id": f"seller-{n % 100}"} for n in numbers]
    yield ItemRecord, [row | {"created_at": AT, "updated_at": AT} for row in items]
    shas = [hashlib.sha256(item_id(n).encode()).hexdigest() for n in numbers]
    photos = [
        {"number": n, "item_number": n, "photo_id": f"pho_{sha[:24]}", "sha256": sha}
        for n, sha in zip(numbers, shas, strict=True)
    ]
    yield PhotoRecord, [row | versioned | {"width": 800, "height": 1000, "added_at": AT} for row in photos]
    place = {"position": 0, "is_design": True} | versioned
    yield (
        GarmentRecord,
        [
            _garment_row(designs, row) | place | {"number": n, "photo_number": n, "item_number": n}
            for row, n in enumerate(numbers)
        ],
    )
    prints = np.random.default_rng(numbers[0]).bytes(2 * FINGERPRINT_BYTES * len(numbers))
    yield (
        PrintRecord,
        [
            {"photo_number": n, "item_number": n, "photo": prints[at : at + 32], "design": prints[at + 32 : at + 64]}
            | versioned
            for n, at in zip(numbers, range(0, len(prints), 2 * FINGERPRINT_BYTES), strict=True)
        ],
    )
    change = {"kind": ChangeKind.ADDED.value, "at": AT}
    yield ChangeRecord, [{"sequence": n, "item_number": n, "item_id": item_id(n)} | change for n in numbers]


def item_id(number: int) -> str:
    return f"SKU-{number}"


def _garment_row(designs: Designs, row: int) -> dict[str, Any]:
    vectors = np.ascontiguousarray(designs.vectors[row], dtype="<f4").tobytes()
    own = {"mask": int(designs.masks[row]), "vectors": vectors, "mirrored_vectors": vectors}
    return _garment_like(int(designs.labels.categories[row]), int(designs.masks[row])) | own


@functools.cache
def _garment_like(category: int, mask: int) -> dict[str, Any]:
    return garment_to_row(make_garment(category, CATEGORIES[category], mask))


def described(designs: Designs, row: int) -> DescribedGarment:
    """The garment of a row as the models would hand it over."""
    category, mask = CATEGORIES[int(designs.labels.categories[row])], int(designs.masks[row])
    colours = np.where(mask_bits(mask)[:, None], np.float32(50), np.zeros((REGION_COUNT, 3), dtype=np.float32))
    seen = RegionEmbeddings(designs.vectors[row], colours)
    return make_garment(int(designs.garment_ids[row]), category, embeddings=seen, mirrored=seen.mirrored_rows())


def new_photo(number: int, garment: DescribedGarment, data: bytes, models_version: str) -> NewPhoto:
    """Of an item that nobody knows yet, with the print of the whole photo too."""
    sha256, whole = hashlib.sha256(data).hexdigest(), hashlib.sha256(item_id(number).encode()).digest()
    return NewPhoto(
        f"new-{number}", ItemDetails(), sha256, 800, 1000, models_version, (garment,), 0, fingerprint=whole
    )  # fmt: skip
