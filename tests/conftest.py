"""What every test shares: one thread for each engine, and no deadlines on a machine that others use too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Cluster, postgres

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("selvedge", deadline=None)
settings.load_profile("selvedge")

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def record_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty record, in each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/record.db"
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.new_database()
