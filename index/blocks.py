"""A block of searched garments that share tenant and visibility mask: their rows and the labels that filter them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from index.labels import Exclusions, Flags, Ids, Labels
from index.loose_rows import Codes, Floats, LooseRows
from index.vectors import Candidates, Designs
from models.scoring import mask_bits


class Rows(Protocol):
    """Concatenated vectors of the R regions that a block's garments show, fp16 (n, R·D), that can be scanned."""

    def __len__(self) -> int:
        """n."""

    @property
    def parts(self) -> tuple[slice, ...]:
        """Rows that are scanned at once: all of them, one part after the other."""

    @property
    def refined(self) -> bool:
        """Whether the scores of `top` are coarse, and `exact` has better ones."""

    def codes(self) -> Codes:
        """All rows, float16 (n, R·D)."""

    def top(self, queries: Floats, allowed: Flags | None, count: int, part: int = 0) -> tuple[Floats, Ids]:
        """Scores and row numbers, (q, ≤ count), of a part's greatest inner products; row -1 where there are no more.

        `allowed` bool: those of the part's rows that may answer.
        """

    def exact(self, queries: Floats, rows: Ids) -> Floats:
        """float32 (n,): the inner product of each of the queries (n, R·D) with its row."""


QUERIES_MOST = 2
"""Orientations searched at once, and so how often a garment may be found."""
MakeRows = Callable[[Codes], Rows]
FEW_BARRED = 64
"""Rows of a part that may not answer: up to here so many more are asked for and they are dropped, which is exact too
and spares FAISS a look-up for every row that it scans."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Rows of a block near a query of `scaled` (q, R·D): `scores` float32 (n,); `rows`, `queries` (n,) say which."""

    block: Block
    scaled: Floats
    scores: Floats
    rows: Ids
    queries: Ids

    def candidates(self) -> Candidates:
        """A garment may be there once for each query."""
        labels = self.block.labels
        return Candidates(self.scores, labels.garment_ids[self.rows], labels.item_numbers[self.rows])

    def refined(self, least: float) -> Found:
        """Those that score `least`, with their exact scores."""
        near = self.scores >= least
        rows, queries = self.rows[near], self.queries[near]
        return replace(self, scores=self.block.rows.exact(self.scaled[queries], rows), rows=rows, queries=queries)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Immutable. Rows that are not `alive` bool (n,) are tombstones: forgotten or replaced, they never answer.

    `first_item`, `last_item` bound the item numbers and `last_disabled` the labels of that name, so that most writes
    pass by most blocks, and a search looks at a column only where it could exclude something.
    """

    rows: Rows
    labels: Labels
    alive: Flags
    first_item: int
    last_item: int
    last_disabled: int
    dead: int

    @staticmethod
    def made(rows: Rows, labels: Labels, alive: Flags) -> Block:
        """A block with the bounds that follow."""
        items, dead = labels.item_numbers, len(alive) - int(np.count_nonzero(alive))
        first, last = (int(items.min()), int(items.max())) if len(items) else (0, -1)
        return Block(rows, labels.lean(), alive, first, last, int(labels.disabled_until.max(initial=0)), dead)

    @staticmethod
    def of(designs: Designs, mask: int, make_rows: MakeRows) -> Block:
        """A block of garments that all have this mask."""
        codes = kept_regions(designs.vectors, mask).astype(np.float16)
        return Block.made(make_rows(codes), designs.labels, np.ones(len(designs), dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def live(self) -> int:
        """Rows that may answer."""
        return len(self) - self.dead

    def top(self, queries: Floats, exclusions: Exclusions, count: int, part: int = 0) -> Found | None:
        """The best rows of each query (q, R·D) among a part's; None where nothing of it may answer."""
        chosen = self.rows.parts[part]
        allowed = None if self.dead == 0 else self.alive[chosen]
        if self._could_exclude(exclusions):
            permitted = exclusions.allowed(self.labels.where(chosen))
            allowed = permitted if allowed is None else allowed & permitted
        if allowed is not None and not allowed.any():
            return None
        return Found(self, queries, *self._nearest(queries, allowed, count, part))

    def _nearest(self, queries: Floats, allowed: Flags | None, count: int, part: int) -> tuple[Floats, Ids, Ids]:
        """Scores, rows and the queries that they are near, (n,) each, of a part."""
        barred = 0 if allowed is None else len(allowed) - int(np.count_nonzero(allowed))
        if allowed is None or barred > FEW_BARRED:
            return _listed(*self.rows.top(queries, allowed, count, part))
        scores, rows, queried = _listed(*self.rows.top(queries, None, count + barred, part))
        may = allowed[rows - self.rows.parts[part].start]
        return scores[may], rows[may], queried[may]

    def rows_of(self, item_numbers: Ids) -> Flags | None:
        """bool (n,): the live rows of these items; None where there are none."""
        near = item_numbers[(item_numbers >= self.first_item) & (item_numbers <= self.last_item)]
        if not len(near):
            return None
        theirs = self.alive & np.isin(self.labels.item_numbers, near)
        return theirs if theirs.any() else None

    def settled(self, theirs: Flags, designs: Designs) -> Block:
        """This block with only those of `theirs` alive that are among `designs`, under their present labels."""
        kept = theirs & np.isin(self.labels.garment_ids, designs.garment_ids)
        position = {garment: n for n, garment in enumerate(designs.garment_ids.tolist())}
        sellers, published, disabled = (
            column.copy() for column in (self.labels.seller_keys, self.labels.published, self.labels.disabled_until)
        )
        for row in np.flatnonzero(kept).tolist():
            n = position[int(self.labels.garment_ids[row])]
            sellers[row], published[row] = designs.labels.seller_keys[n], designs.labels.published[n]
            disabled[row] = designs.labels.disabled_until[n]
        labels = replace(self.labels, seller_keys=sellers, published=published, disabled_until=disabled)
        return Block.made(self.rows, labels, self.alive & (kept | ~theirs))

    def joined(self, newer: Block, make_rows: MakeRows) -> Block:
        """The live rows of both, this block's first."""
        labels = Labels.joined([self.labels.where(self.alive), newer.labels.where(newer.alive)])
        return Block.made(make_rows(_live_codes(self, newer)), labels, np.ones(len(labels), dtype=np.bool_))

    def appended(self, newer: Block) -> Block:
        """Loose rows, tombstones included, followed by more loose rows."""
        assert isinstance(self.rows, LooseRows)
        labels = Labels.joined([self.labels, newer.labels])
        rows = self.rows.followed_by(newer.rows.codes())
        return Block.made(rows, labels, np.concatenate([self.alive, newer.alive]))

    def compacted(self, make_rows: MakeRows) -> Block:
        """The live rows alone."""
        labels = self.labels.where(self.alive)
        return Block.made(make_rows(_live_codes(self)), labels, np.ones(len(labels), dtype=np.bool_))

    def _could_exclude(self, exclusions: Exclusions) -> bool:
        number = exclusions.item_number
        return (
            self.last_disabled > exclusions.now
            or (number is not None and self.first_item <= number <= self.last_item)
            or exclusions.seller_key is not None
            or exclusions.published_before is not None
            or bool(exclusions.categories)
        )


def _listed(scores: Floats, rows: Ids) -> tuple[Floats, Ids, Ids]:
    """What `Rows.top` answers without the places where there were no more rows; which query each is near."""
    queried, places = np.nonzero(rows >= 0)
    return scores[queried, places], rows[queried, places], queried


def score_of_rank(scores: Floats, rank: int) -> float:
    """That of the best `rank` the last; -inf where there are no more than that."""
    return float(np.partition(scores, -rank)[-rank]) if len(scores) > rank else -np.inf


def kept_regions(vectors: Floats, mask: int) -> Floats:
    """(n, R·D) of (n, 5, D): the R regions of a mask alone, all others are zero and need no room.

    One is kept of a garment that shows none: nothing is compared with it, but it is held.
    """
    return np.asarray(vectors[:, mask_bits(mask or 1)].reshape(len(vectors), -1))


def row_length(dimension: int, mask: int) -> int:
    """R·D."""
    return dimension * int(mask_bits(mask or 1).sum())


def _live_codes(*blocks: Block) -> Codes:
    """In one array that is written once: a segment's rows are too many to be copied twice."""
    codes = [block.rows.codes() for block in blocks]
    held = np.empty((sum(block.live for block in blocks), codes[0].shape[1]), dtype=np.float16)
    first = 0
    for block, rows in zip(blocks, codes, strict=True):
        np.compress(block.alive, rows, axis=0, out=held[first : first + block.live])
        first += block.live
    return held


def best_each_garment(parts: Sequence[Candidates], count: int) -> Candidates:
    """The best `count` garments of all parts, each once with its best score; ties by garment id."""
    if not parts:
        return Candidates(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    scores = np.concatenate([part.scores for part in parts])
    least = score_of_rank(scores, QUERIES_MOST * count)
    parts = [part if least == -np.inf else part.where(part.scores >= least) for part in parts]
    scores = np.concatenate([part.scores for part in parts])
    ids = np.concatenate([part.garment_ids for part in parts])
    items = np.concatenate([part.item_numbers for part in parts])
    order = np.lexsort((ids, -scores))
    _, firsts = np.unique(ids[order], return_index=True)
    best = order[np.sort(firsts)][:count]
    return Candidates(scores[best], ids[best], items[best])
