"""The record as Selvedge 0.1 first wrote it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.String(32)


def upgrade() -> None:
    """Items, photos, garments, changes."""
    op.create_table(
        "items",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("seller_id", sa.String, index=True),
        sa.Column("title", sa.String),
        sa.Column("url", sa.String),
        sa.Column("published_at", _MOMENT),
        sa.Column("extra", sa.JSON),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("item_id", name="items_item_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "photos",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("item_number", _NUMBER, sa.ForeignKey("items.number", ondelete="CASCADE"), nullable=False),
        sa.Column("photo_id", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False, index=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("models_version", sa.String, nullable=False),
        sa.Column("added_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("item_number", "sha256"),
        sqlite_autoincrement=True,
    )
    _create_garments()
    op.create_table(
        "changes",
        sa.Column("sequence", _NUMBER, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("item_number", _NUMBER, nullable=False),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_garments() -> None:
    bytes_of = ("landmarks", "colours", "fingerprint", "mirrored_fingerprint", "mirrored_vectors")
    op.create_table(
        "garments",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column(
            "photo_number", _NUMBER, sa.ForeignKey("photos.number", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column(
            "item_number", _NUMBER, sa.ForeignKey("items.number", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("is_design", sa.Boolean, nullable=False),
        sa.Column("models_version", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("mask", sa.Integer, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("box", sa.JSON, nullable=False),
        sa.Column("regions", sa.JSON, nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in bytes_of),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_garments_searched", "garments", ["models_version", "is_design"])
