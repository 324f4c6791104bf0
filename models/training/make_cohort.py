"""The cohort that backgrounds are measured against: training garments, spread evenly over the list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.background import write_cohort
from models.training.data.copies import Original
from models.training.gather_evidence import Describe, describe_all


def make_cohort(describe: Describe, originals: Sequence[Original], count: int, out: Path) -> str:
    """Write the rows of at most `count` garments to `out`; returns its sha256, which the policy names."""
    spread = originals[:: max(1, len(originals) // count)][:count]
    described = describe_all(describe, {one.garment.photo: one.garment.path for one in spread})
    return write_cohort(np.stack([garment.embeddings.vectors for garment in described.values()]), out)
