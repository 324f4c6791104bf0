"""What every test shares: one thread for each engine, and no deadlines on a machine that others use too."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.postgres import postgres

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("selvedge", deadline=None)
settings.load_profile("selvedge")

__all__ = ["postgres"]
