"""Support: the earliest revision whose Selvedge may work on the record, so that two releases can for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """A table of one row; nothing that is there changes, so what knows 0006 works on."""
    support = op.create_table("record_support", sa.Column("least_revision", sa.String, primary_key=True))
    op.bulk_insert(support, [{"least_revision": "0006"}])
