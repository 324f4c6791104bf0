"""Region weights change while the service runs: their versions, and the decisions that they are learnt from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.String(32)


def upgrade() -> None:
    """Two tables; nothing that is there changes."""
    op.create_table(
        "weight_versions",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("weight_group", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("weights", sa.JSON, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("key_id", sa.String),
        sa.Column("report", sa.JSON, nullable=False),
        sa.UniqueConstraint("weight_group", "version"),
    )
    op.create_table(
        "decisions",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("key_id", sa.String),
        sa.Column("item_a", sa.String),
        sa.Column("item_b", sa.String),
        sa.Column("sha256_a", sa.String, nullable=False),
        sa.Column("sha256_b", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("altered", sa.JSON, nullable=False),
        sa.Column("weight_group", sa.String, nullable=False),
        sa.Column("models_version", sa.String, nullable=False, index=True),
        sa.Column("measures", sa.LargeBinary, nullable=False),
        sa.Column("colour", sa.Double, nullable=False),
        sa.Column("absent", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
