"""Leases, so that one process at a time writes snapshots; and which models have described a photo beside its first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Two tables and an index more; nothing that was there changes."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("token", _NUMBER, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "descriptions",
        sa.Column("photo_number", _NUMBER, sa.ForeignKey("photos.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("models_version", sa.String, primary_key=True),
        sa.Column("garments", sa.Integer, nullable=False),
    )
    op.create_index("ix_photos_models_version", "photos", ["models_version"])
