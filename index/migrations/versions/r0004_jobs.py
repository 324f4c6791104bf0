"""Bulk work: jobs, the lines of them that were refused, and the answers to the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

_MOMENT = sa.String(32)
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("job_id", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("tenant", "kind", "status")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("total", "done", "failed", "created")),
        sa.Column("position", _NUMBER, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("lease_until", _MOMENT),
        sa.Column("waiting_for", sa.String),
        sa.Column("failure", sa.String),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_tenant", "jobs", ["tenant", "number"])
    op.create_index("ix_jobs_status", "jobs", ["status", "number"])
    op.create_table(
        "job_problems",
        sa.Column("number", _NUMBER, primary_key=True),
        _job_number(),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("file", sa.String),
        sa.Column("item_id", sa.String),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_problems_job_number", "job_problems", ["job_number"])
    op.create_table(
        "job_results",
        sa.Column("number", _NUMBER, primary_key=True),
        _job_number(),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_results_job_number", "job_results", ["job_number"])


def _job_number() -> sa.Column[int]:
    return sa.Column("job_number", _NUMBER, sa.ForeignKey("jobs.number", ondelete="CASCADE"), nullable=False)
