"""The tables of the record, as SQLAlchemy models.

items 1─n photos 1─n garments, those of each models version beside the others'; `changes` is the log from which every
live index catches up; `job_records.py` holds the tables of bulk work. `weight_versions` and `decisions` stand apart:
they are of the whole service, and refer to items by name only. Writers take turns (SQLite's own lock, an advisory one
in PostgreSQL), so the order of `sequence` is the order of commits. Whatever changes here needs a revision in
`index/migrations`; a test compares both.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from index.moments import UtcDateTime
from index.types import DEFAULT_TENANT

REVISION = "0008"
"""The latest of `index/migrations`, which makes the tables below."""
REVISION_TABLE = "record_revision"
Number = BigInteger().with_variant(Integer, "sqlite")
"""64 bits in both: SQLite's integers are, and only INTEGER may count up by itself there."""


class ChangeKind(StrEnum):
    """What a change did to its item."""

    ADDED = "added"
    REPLACED = "replaced"
    PATCHED = "patched"
    DELETED = "deleted"
    DESCRIBED = "described"
    """Other models looked at its photos too; nothing else of it changed."""


class Record(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON, bytes: LargeBinary}  # noqa: RUF012


class ItemRecord(Record):
    """A tenant's item under the caller's id; `number` is ours and is never used twice."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("tenant", "item_id", name="uq_items_tenant_item_id"),
        Index("ix_items_tenant", "tenant", "number"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    tenant: Mapped[str] = mapped_column(server_default=DEFAULT_TENANT)
    item_id: Mapped[str]
    seller_id: Mapped[str | None] = mapped_column(index=True)
    title: Mapped[str | None]
    url: Mapped[str | None]
    published_at: Mapped[datetime | None]
    disabled_until: Mapped[datetime | None]
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PhotoRecord(Record):
    """A photo (view) of an item; the bytes lie in the data dir under `sha256`."""

    __tablename__ = "photos"
    __table_args__ = (
        UniqueConstraint("item_number", "sha256"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    item_number: Mapped[int] = mapped_column(Number, ForeignKey("items.number", ondelete="CASCADE"))
    photo_id: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    width: Mapped[int]
    height: Mapped[int]
    models_version: Mapped[str] = mapped_column(index=True)
    added_at: Mapped[datetime]


class DescriptionRecord(Record):
    """That other models than `PhotoRecord.models_version` described a photo too, and how many garments they saw."""

    __tablename__ = "descriptions"
    photo_number: Mapped[int] = mapped_column(Number, ForeignKey("photos.number", ondelete="CASCADE"), primary_key=True)
    models_version: Mapped[str] = mapped_column(primary_key=True)
    garments: Mapped[int]


class PrintRecord(Record):
    """The PDQ hashes of a photo and of the design that some models saw in it, 32 bytes each; narrow, to be read whole.

    `photo` is NULL where the photo was registered before there were such prints, until somebody looks at it again.
    """

    __tablename__ = "prints"
    photo_number: Mapped[int] = mapped_column(Number, ForeignKey("photos.number", ondelete="CASCADE"), primary_key=True)
    models_version: Mapped[str] = mapped_column(primary_key=True)
    item_number: Mapped[int] = mapped_column(Number, ForeignKey("items.number", ondelete="CASCADE"), index=True)
    photo: Mapped[bytes | None]
    design: Mapped[bytes]


class GarmentRecord(Record):
    """A described garment; columns that loading reads come first, before the long ones.

    `vectors` and `mirrored_vectors` float32 (5, D); `colours` float32 (2, 5, 3), as seen and mirrored; `landmarks`
    float32 (n, 4): x, y, confidence, visible; `regions`: a box or the reason for having none, each.
    """

    __tablename__ = "garments"
    __table_args__ = (
        Index("ix_garments_searched", "models_version", "is_design"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    photo_number: Mapped[int] = mapped_column(Number, ForeignKey("photos.number", ondelete="CASCADE"), index=True)
    item_number: Mapped[int] = mapped_column(Number, ForeignKey("items.number", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    is_design: Mapped[bool]
    models_version: Mapped[str]
    category: Mapped[str]
    mask: Mapped[int]
    vectors: Mapped[bytes]
    confidence: Mapped[float]
    box: Mapped[list[Any]]
    regions: Mapped[list[Any]]
    landmarks: Mapped[bytes]
    colours: Mapped[bytes]
    fingerprint: Mapped[bytes]
    mirrored_fingerprint: Mapped[bytes]
    mirrored_vectors: Mapped[bytes]


class ChangeRecord(Record):
    """A committed change to one item."""

    __tablename__ = "changes"
    __table_args__ = ({"sqlite_autoincrement": True},)
    sequence: Mapped[int] = mapped_column(Number, primary_key=True)
    kind: Mapped[str]
    item_number: Mapped[int] = mapped_column(Number)
    tenant: Mapped[str] = mapped_column(server_default=DEFAULT_TENANT)
    item_id: Mapped[str]
    at: Mapped[datetime]


class WeightVersionRecord(Record):
    """One version of a weight group's region weights, `weights` five numbers; the group's latest is in force."""

    __tablename__ = "weight_versions"
    __table_args__ = (UniqueConstraint("weight_group", "version"),)
    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    weight_group: Mapped[str]
    version: Mapped[str]
    weights: Mapped[list[Any]]
    source: Mapped[str]
    at: Mapped[datetime]
    key_id: Mapped[str | None]
    report: Mapped[dict[str, Any]]


class DecisionRecord(Record):
    """A moderator's decision on a pair, with what was measured of it then.

    `measures` float32 (4, 5): cosines, colour shifts, our and their backgrounds; `absent`: five bits.
    """

    __tablename__ = "decisions"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(Number, primary_key=True)
    tenant: Mapped[str]
    at: Mapped[datetime]
    key_id: Mapped[str | None]
    item_a: Mapped[str | None]
    item_b: Mapped[str | None]
    sha256_a: Mapped[str]
    sha256_b: Mapped[str]
    verdict: Mapped[str]
    altered: Mapped[list[Any]]
    weight_group: Mapped[str]
    models_version: Mapped[str] = mapped_column(index=True)
    measures: Mapped[bytes]
    colour: Mapped[float]
    absent: Mapped[int]


class SupportRecord(Record):
    """One row: the earliest revision whose Selvedge may still work on these tables.

    A revision that only adds leaves it; one that takes something away, a release later, raises it.
    """

    __tablename__ = "record_support"
    least_revision: Mapped[str] = mapped_column(primary_key=True)


class LeaseRecord(Record):
    """Who alone may do what `name` says until `expires_at`, in seconds since 1970 by the database's clock.

    `token` grows with every holder: what a later one has published is never replaced by an earlier one.
    """

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    token: Mapped[int] = mapped_column(Number)
    expires_at: Mapped[float]
