"""What the leave-one-out check says of fitted templates: how far to trust each key, and a report to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.training.data.readers import GarmentPhoto
from models.training.data.template_fits import Example, FittedKeys, key_errors
from models.training.data.templates import family_name

SURE_ERROR, LOST_ERROR = 0.012, 0.052
"""Leave-one-out error / diagonal at which a key's weight is 1 and 0."""


def key_trust(checked: Sequence[tuple[Example, FittedKeys]]) -> dict[str, float]:
    """Key → weight 0..1 of a fitted key, from how far good leave-one-out fits missed the hand-placed point."""
    span = LOST_ERROR - SURE_ERROR
    return {
        key: float(np.clip((LOST_ERROR - np.mean(errors)) / span, 0.0, 1.0))
        for key, errors in key_errors(checked).items()
    }


def report_fits(
    checked: Sequence[tuple[Example, FittedKeys]],
    pairs: Sequence[tuple[GarmentPhoto, FittedKeys]],
    trust: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """Leave-one-out errors by family and key, the trust that follows, and how many masks the templates met."""
    families = sorted(trust)
    errors = {f: key_errors([pair for pair in checked if family_name(pair[0].category) == f]) for f in families}
    kinds = sorted({garment.df2 for garment, _ in pairs})
    return {
        "leave_one_out": {
            f: {key: {"mean": round(float(np.mean(e)), 4), "n": len(e)} for key, e in errors[f].items()}
            for f in families
        },
        "leave_one_out_mean": float(np.mean([e for f in families for es in errors[f].values() for e in es])),
        "trust": trust,
        "fits": {
            kind: {
                "fitted": sum(g.df2 == kind for g, _ in pairs),
                "good": sum(g.df2 == kind and fit.good for g, fit in pairs),
                "median_overlap": round(float(np.median([fit.overlap for g, fit in pairs if g.df2 == kind])), 4),
            }
            for kind in kinds
        },
    }
