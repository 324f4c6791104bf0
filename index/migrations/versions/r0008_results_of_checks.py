"""Results of checks: which check a kept line of a job holds, so that erasing the check finds it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """A column more; lines that were kept before, or by the release before, are named when one is looked for."""
    op.add_column("job_results", sa.Column("check_id", sa.String))
    op.create_index("ix_job_results_check_id", "job_results", ["check_id"])
