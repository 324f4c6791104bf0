"""Prints: the perceptual hashes by which a reused picture is found, of whole photos and of their designs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """What is known of the designs is taken over; the whole photos are left open until somebody looks at them."""
    op.create_table(
        "prints",
        sa.Column("photo_number", _NUMBER, sa.ForeignKey("photos.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("models_version", sa.String, primary_key=True),
        sa.Column("item_number", _NUMBER, sa.ForeignKey("items.number", ondelete="CASCADE"), nullable=False),
        sa.Column("photo", sa.LargeBinary),
        sa.Column("design", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_prints_item_number", "prints", ["item_number"])
    op.execute(
        "INSERT INTO prints (photo_number, models_version, item_number, design)"
        " SELECT photo_number, models_version, item_number, fingerprint FROM garments WHERE is_design"
    )
