"""From what five regions say to one number: how much better a pair is explained by copying than by chance.

For each compared region, log p(cosine, backgrounds | unaltered copy) / p(… | look-alike); a copycat may have altered
any region, so a region that disagrees counts against a copy only so much:

    evidence = Σ_r log(ε + (1 - ε) · exp(log-ratio_r))

It rises with every cosine, falls with both backgrounds, and a garment with few regions cannot collect much of it.
Source: ours; a mixture over "altered or not" in the place of α_tri (PS-Net, section 3, formula not published).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue

KNOTS = (0.5, 0.7, 0.8, 0.9)
"""Cosines where the log-ratio may bend."""
MOST_LOG_RATIO = 9.0
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class RegionLikelihood:
    """The log-ratio of one region: bent at `KNOTS`, never falling in the cosine nor rising in a background.

    `slopes`: that of the cosine, then what each knot adds. `our_background` and `their_background` are slopes too.
    """

    offset: float
    slopes: tuple[float, ...]
    our_background: float
    their_background: float

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.slopes, self.our_background, self.their_background)
        if len(self.slopes) != 1 + len(KNOTS) or not np.isfinite(numbers).all():
            raise InvalidValue(f"a region's likelihood has {1 + len(KNOTS)} finite slopes")
        if min(self.slopes) < 0 or max(self.our_background, self.their_background) > 0:
            raise InvalidValue("a better cosine never speaks against copying, a background never for it")

    def log_ratio(self, cosine: Floats, ours: Floats, theirs: Floats) -> Floats:
        """Of cosines and backgrounds of one shape; NaN where the cosine is."""
        design = bend(cosine)
        total = design @ np.array(self.slopes) + self.our_background * ours + self.their_background * theirs
        return np.asarray(np.minimum(total + self.offset, MOST_LOG_RATIO))


def bend(cosine: Floats) -> Floats:
    """(..., 1 + knots): the cosine and how far it lies above each knot."""
    return np.stack([cosine, *(np.maximum(cosine - knot, 0) for knot in KNOTS)], axis=-1)


def evidence_of(log_ratios: Floats, altered_share: float) -> Floats:
    """Σ over the last axis (regions), NaN counting as nothing; `altered_share` is ε, in 0..1."""
    seen = np.log(altered_share + (1 - altered_share) * np.exp(log_ratios))
    return np.asarray(np.where(np.isnan(log_ratios), 0.0, seen).sum(axis=-1))
