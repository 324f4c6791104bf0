"""Items belong to tenants and can be disabled for a while; the schema_version table gives way to alembic's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

_KEPT = "number, item_id, seller_id, title, url, published_at, extra, created_at, updated_at"
_MOMENT = sa.String(32)


def upgrade() -> None:
    """Whatever there was belongs to the tenant `default`."""
    if op.get_context().dialect.name == "sqlite":
        _rebuild_items()
    else:
        op.add_column("items", _tenant())
        op.add_column("items", sa.Column("disabled_until", _MOMENT))
        op.drop_constraint("items_item_id_key", "items")
        op.create_unique_constraint("uq_items_tenant_item_id", "items", ["tenant", "item_id"])
    op.create_index("ix_items_tenant", "items", ["tenant", "number"])
    op.add_column("changes", _tenant())
    op.execute("DROP TABLE IF EXISTS schema_version")


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String, nullable=False, server_default="default")


def _rebuild_items() -> None:
    """SQLite cannot drop a constraint. The caller has switched foreign keys off: dropping would cascade."""
    op.create_table(
        "items_rebuilt",
        sa.Column("number", sa.Integer, primary_key=True),
        _tenant(),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("seller_id", sa.String),
        sa.Column("title", sa.String),
        sa.Column("url", sa.String),
        sa.Column("published_at", _MOMENT),
        sa.Column("disabled_until", _MOMENT),
        sa.Column("extra", sa.JSON),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("tenant", "item_id", name="uq_items_tenant_item_id"),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO items_rebuilt ({_KEPT}) SELECT {_KEPT} FROM items")
    # A number is never lent twice, not even that of the last item if it was deleted.
    counted = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'items'"))
    op.drop_table("items")
    op.rename_table("items_rebuilt", "items")
    op.execute("DELETE FROM sqlite_sequence WHERE name IN ('items', 'items_rebuilt')")
    op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('items', {int(counted or 0)})")
    op.create_index("ix_items_seller_id", "items", ["seller_id"])
