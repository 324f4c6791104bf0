"""The vector shards: flat fp16 inner-product scans, one group of blocks for each visibility mask.

All is immutable: a write builds new blocks and publishes them in one assignment, so searches need no lock and see each
write as a whole or not at all. The newest rows are a small float32 array; once it is full it becomes a sealed FAISS
segment, and equal neighbours merge, so each row is rewritten a logarithmic number of times. Nothing is ever removed
from a FAISS index: dead rows are masked, and dropped when their block is rewritten. Never `IndexShards` nor
`remove_ids`: both are unsafe beside searches (measured). The only importer of faiss.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import faiss
import numpy as np
import numpy.typing as npt

from index.blocks import Block, LooseRows, best_each_garment
from index.errors import EmbeddingMismatch
from index.types import Query
from index.vectors import Candidates, Designs, Exclusions, Ids, comparable
from models.scoring import scaled_query

LOOSE_ROWS = 512
SEGMENT_ROWS = 65_536
"""Most rows of a segment: small enough to rewrite in 0.1 s and to spread over cores, large enough to scan fast."""
MOST_DEAD = 0.2
PARALLEL_ROWS = 16_384
"""Fewer rows are scanned in one task: handing work over would cost more than it saves."""

Queries = npt.NDArray[np.float32]
View = Mapping[int, tuple[Block, ...]]


class SealedRows:
    """Rows of a FAISS fp16 scalar quantiser, which accumulates inner products in float32. Source: index.md, §1."""

    def __init__(self, codes: npt.NDArray[np.float16]) -> None:
        self._index = faiss.IndexScalarQuantizer(
            codes.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index.add_sa_codes(np.ascontiguousarray(codes).view(np.uint8))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def codes(self) -> npt.NDArray[np.float16]:
        flat = faiss.vector_to_array(self._index.codes)
        return np.asarray(flat.view(np.float16).reshape(len(self), self._index.d))

    def top(
        self, queries: Queries, allowed: npt.NDArray[np.bool_] | None, count: int
    ) -> tuple[npt.NDArray[np.float32], Ids]:
        parameters = faiss.SearchParameters()
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]
            parameters.sel = selector
        scores, rows = self._index.search(queries, min(count, len(self)), params=parameters)
        return scores, rows


class Shards:
    """`VectorIndex` in memory. `threads` scan at once; more queries wait their turn."""

    def __init__(self, threads: int) -> None:
        self._view: View = MappingProxyType({})
        self._dimension: int | None = None
        self._writing = threading.Lock()
        # FAISS would otherwise start threads of its own for each of ours.
        self._pool = ThreadPoolExecutor(threads, "scan", initializer=faiss.omp_set_num_threads, initargs=(1,))
        self._threads = threads

    @property
    def dimension(self) -> int | None:
        return self._dimension

    def __len__(self) -> int:
        return sum(int(block.alive.sum()) for blocks in self._view.values() for block in blocks)

    def extend(self, designs: Designs) -> None:
        with self._writing:
            self._publish(self._view, designs)

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        with self._writing:
            held = [ids for blocks in self._view.values() for block in blocks if len(ids := block.ids_of(item_numbers))]
            known = np.concatenate(held) if held else np.empty(0, dtype=np.int64)
            settled = {
                mask: tuple(block.settled(item_numbers, designs) for block in blocks)
                for mask, blocks in self._view.items()
            }
            self._publish(settled, designs.where(~np.isin(designs.garment_ids, known)))

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        self._check_dimension(query.embeddings.dimension)
        work = [
            (block, queries)
            for mask, blocks in self._view.items()
            if len(queries := _queries_for(mask, query))
            for block in blocks
        ]
        found = self._pool.map(
            lambda share: [block.top(queries, exclusions, count) for block, queries in share],
            _share_out(work, self._threads),
        )
        return best_each_garment([part for parts in found for part in parts], count)

    def close(self) -> None:
        self._pool.shutdown()

    def _check_dimension(self, dimension: int) -> None:
        if self._dimension is not None and dimension != self._dimension:
            raise EmbeddingMismatch(f"the index holds vectors of {self._dimension} numbers a region, not {dimension}")

    def _publish(self, view: View, fresh: Designs) -> None:
        new = dict(view)
        if len(fresh):
            self._check_dimension(fresh.dimension)
            self._dimension = fresh.dimension
            for mask in np.unique(fresh.masks).tolist():
                loose = Block.of(fresh.where(fresh.masks == mask), _rows_of)
                new[mask] = (*new.get(mask, ()), loose)
        self._view = MappingProxyType({mask: _tidied(blocks) for mask, blocks in new.items()})


def _queries_for(mask: int, query: Query) -> Queries:
    """float32 (0..2, 5·D): each orientation that may be compared with items of this mask, scaled for them."""
    return np.array(
        [
            scaled_query(seen, mask, query.weights)
            for seen in (query.embeddings, query.mirrored)
            if comparable(seen.mask, mask, query)
        ],
        dtype=np.float32,
    )


def _tidied(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks without the many dead, the loose rows joined, full ones sealed and merged with smaller neighbours."""
    kept: list[Block] = []
    for block in blocks:
        live = block.compacted(_rows_of) if block.dead > MOST_DEAD * len(block) else block
        while kept and len(live) and _belong_together(kept[-1], live):
            live = kept.pop().joined(live, _rows_of)
        if len(live):
            kept.append(live)
    return tuple(kept)


def _belong_together(older: Block, newer: Block) -> bool:
    """Loose rows join loose rows; a segment joins its elder unless that is more than twice as large."""
    rows = len(older) + len(newer)
    if isinstance(newer.rows, LooseRows):
        return isinstance(older.rows, LooseRows)
    return rows <= SEGMENT_ROWS and (isinstance(older.rows, LooseRows) or len(older) <= 2 * len(newer))


def _rows_of(codes: npt.NDArray[np.float16]) -> LooseRows | SealedRows:
    return LooseRows(codes) if len(codes) < LOOSE_ROWS else SealedRows(codes)


def _share_out(work: Sequence[tuple[Block, Queries]], workers: int) -> list[list[tuple[Block, Queries]]]:
    """The work in at most `workers` shares of about equal rows; one share where there is little."""
    total = sum(len(block) for block, _ in work)
    shares: list[list[tuple[Block, Queries]]] = [[] for _ in range(workers if total > PARALLEL_ROWS else 1)]
    sizes = [0] * len(shares)
    for piece in sorted(work, key=lambda piece: -len(piece[0])):
        smallest = sizes.index(min(sizes))
        shares[smallest].append(piece)
        sizes[smallest] += len(piece[0])
    return [share for share in shares if share]
