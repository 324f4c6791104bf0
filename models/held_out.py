"""Which judged pairs are learnt from and which are held out: the same choice every time, and no item on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

SHARE = 1 / 3
"""About this share of all that hangs together is held out."""


def choose_held_out(pairs: Sequence[Collection[str]]) -> npt.NDArray[np.bool_]:
    """bool (P,): the pairs that are held out; `pairs` are the names of what each compares.

    Pairs that share a name, directly or through others, are one family and stay together. A family goes by the hash of
    its first name, so that it stays where it is as long as nothing joins it to another.
    """
    root: dict[str, str] = {}

    def family(name: str) -> str:
        root.setdefault(name, name)
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for names in pairs:
        # The first name in the alphabet leads, whatever the order of the pairs.
        leaders = sorted({family(name) for name in names})
        for other in leaders[1:]:
            root[other] = leaders[0]
    return np.array([_is_held_out(family(next(iter(names)))) for names in pairs], dtype=np.bool_)


def _is_held_out(name: str) -> bool:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4]) < SHARE * 2**32
