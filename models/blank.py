"""Designs on one blank: shops print many designs on one garment, which then agree everywhere but where the print is.

A garment that agrees with *several* registered designs in the same regions, while all of them, and it, differ in the
others, shares a blank with them, not a design: what agrees is the cloth that anybody may buy. One registered design
that agrees so is no family: then it may well be copied and altered.

Source: ours; the "other designs on the same blank" of the benchmark.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

LEAST_DESIGNS = 3
"""Different designs on one blank, the match's among them, from which it is one."""

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Opinion = bool | None


def share_a_blank(
    items: Sequence[Hashable],
    opinions: Sequence[Sequence[Opinion]],
    alike: Booleans,
    counted: Sequence[bool] | None = None,
) -> list[bool]:
    """For each of n matches, whether what it shares with the query is a blank.

    `items` says which item it is of; `opinions` (n, 5) where it agrees with the query, where not, and where nothing is
    known; `alike` bool (n, n, 5): the regions in which two matches agree with each other; `counted`: which matches may
    be other designs to the rest, all unless said.
    """
    agreeing = np.array([[opinion is True for opinion in row] for row in opinions], dtype=np.bool_).reshape(-1, 5)
    altered = np.array([[opinion is False for opinion in row] for row in opinions], dtype=np.bool_).reshape(-1, 5)
    others = np.array(counted or [True] * len(items), dtype=np.bool_)
    return [_is_blank(place, items, agreeing, altered, alike, others) for place in range(len(items))]


def alike_regions(vectors: Floats, least_cosines: npt.ArrayLike) -> Booleans:
    """bool (n, n, 5) of garments (n, 5, D), zero where a region is missing: cosines that reach `least_cosines` (5,)."""
    cosines = np.einsum("ird,jrd->ijr", vectors, vectors)
    return np.asarray(cosines >= np.asarray(least_cosines))


def _is_blank(
    place: int, items: Sequence[Hashable], agreeing: Booleans, altered: Booleans, alike: Booleans, others: Booleans
) -> bool:
    shared, differing = agreeing[place], altered[place]
    if not differing.any():
        return False
    on_it = others & agreeing[:, shared].all(axis=1) & altered[:, differing].all(axis=1)
    designs = [place]
    for other in np.flatnonzero(on_it).tolist():
        another = items[other] not in {items[design] for design in designs}
        if another and not alike[other, designs][:, differing].any():
            designs.append(other)
        if len(designs) >= LEAST_DESIGNS:
            return True
    return False
