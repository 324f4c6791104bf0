"""A block of searched garments that share a visibility mask: their rows and the columns that filter them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.vectors import Candidates, Designs, Exclusions, Ids

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.float16]
Flags = npt.NDArray[np.bool_]


class Rows(Protocol):
    """Concatenated region vectors, fp16 (n, 5·D), that can be scanned."""

    def __len__(self) -> int:
        """n."""

    def codes(self) -> Codes:
        """All rows, float16 (n, 5·D)."""

    def top(self, queries: Floats, allowed: Flags | None, count: int) -> tuple[Floats, Ids]:
        """Scores and row numbers, (q, ≤ count), of the greatest inner products; row -1 where there are no more."""


class LooseRows:
    """A few rows as float32, rounded to fp16 as they will be when sealed, so that no score changes then."""

    def __init__(self, codes: Codes) -> None:
        self._vectors = codes.astype(np.float32)

    def __len__(self) -> int:
        return len(self._vectors)

    def codes(self) -> Codes:
        return self._vectors.astype(np.float16)

    def top(self, queries: Floats, allowed: Flags | None, count: int) -> tuple[Floats, Ids]:
        scores = queries @ self._vectors.T
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        scores = np.take_along_axis(scores, rows, axis=1)
        return scores, np.where(np.isneginf(scores), -1, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Immutable; all columns (n,). Rows that are not `alive` were forgotten or replaced and never answer."""

    rows: Rows
    garment_ids: Ids
    item_numbers: Ids
    seller_keys: Ids
    categories: npt.NDArray[np.uint8]
    alive: Flags

    @staticmethod
    def of(designs: Designs, make_rows: Callable[[Codes], Rows]) -> Block:
        """A block of garments that share a mask."""
        return Block(
            make_rows(designs.vectors.reshape(len(designs), -1).astype(np.float16)),
            designs.garment_ids,
            designs.item_numbers,
            designs.seller_keys,
            designs.categories,
            np.ones(len(designs), dtype=np.bool_),
        )

    def __len__(self) -> int:
        return len(self.garment_ids)

    @property
    def dead(self) -> int:
        return len(self) - int(np.count_nonzero(self.alive))

    def top(self, queries: Floats, exclusions: Exclusions, count: int) -> Candidates:
        """The best rows of each query (q, 5·D), one after the other; a garment may be there once for each."""
        allowed = self.alive
        if exclusions.any:
            allowed = allowed & exclusions.allowed(self.item_numbers, self.seller_keys, self.categories)
        scores, rows = self.rows.top(queries, None if allowed.all() else allowed, count)
        found = rows >= 0
        return Candidates(scores[found], self.garment_ids[rows[found]], self.item_numbers[rows[found]])

    def ids_of(self, item_numbers: Ids) -> Ids:
        """Garments of these items that are alive."""
        return self.garment_ids[self.alive & np.isin(self.item_numbers, item_numbers)]

    def settled(self, item_numbers: Ids, designs: Designs) -> Block:
        """This block with only those rows of the items alive that are among `designs`, under their present sellers."""
        theirs = self.alive & np.isin(self.item_numbers, item_numbers)
        if not theirs.any():
            return self
        kept = theirs & np.isin(self.garment_ids, designs.garment_ids)
        sellers = self.seller_keys.copy()
        seller_of = dict(zip(designs.garment_ids.tolist(), designs.seller_keys.tolist(), strict=True))
        for row in np.flatnonzero(kept).tolist():
            sellers[row] = seller_of[int(self.garment_ids[row])]
        return replace(self, alive=self.alive & (kept | ~theirs), seller_keys=sellers)

    def joined(self, newer: Block, make_rows: Callable[[Codes], Rows]) -> Block:
        """The live rows of both, this block's first."""
        a, b = self.alive, newer.alive
        items = np.concatenate([self.item_numbers[a], newer.item_numbers[b]])
        return Block(
            make_rows(np.concatenate([self.rows.codes()[a], newer.rows.codes()[b]])),
            np.concatenate([self.garment_ids[a], newer.garment_ids[b]]),
            items,
            np.concatenate([self.seller_keys[a], newer.seller_keys[b]]),
            np.concatenate([self.categories[a], newer.categories[b]]),
            np.ones(len(items), dtype=np.bool_),
        )

    def compacted(self, make_rows: Callable[[Codes], Rows]) -> Block:
        """The live rows alone."""
        a = self.alive
        return Block(
            make_rows(self.rows.codes()[a]),
            self.garment_ids[a],
            self.item_numbers[a],
            self.seller_keys[a],
            self.categories[a],
            a[a],
        )


def best_each_garment(parts: Sequence[Candidates], count: int) -> Candidates:
    """The best `count` garments of all parts, each once with its best score; ties by garment id."""
    if not parts:
        return Candidates(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    scores = np.concatenate([part.scores for part in parts])
    ids = np.concatenate([part.garment_ids for part in parts])
    items = np.concatenate([part.item_numbers for part in parts])
    order = np.lexsort((ids, -scores))
    _, firsts = np.unique(ids[order], return_index=True)
    best = order[np.sort(firsts)][:count]
    return Candidates(scores[best], ids[best], items[best])
