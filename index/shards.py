"""The vector shards: flat fp16 inner-product scans, one group of blocks for each tenant and visibility mask.

All is immutable: a write builds new blocks and publishes them in one assignment, so searches need no lock and see each
write as a whole or not at all. The newest rows are a small float32 array (the delta); once it is full it becomes a
sealed FAISS segment, and equal neighbours merge, so each row is rewritten a logarithmic number of times. Nothing is
ever removed from a FAISS index: dead rows are masked, and dropped when their block is rewritten. Never `IndexShards`
nor `remove_ids`: both are unsafe beside searches (measured), nor `add` to a mapped segment. The only importer of faiss.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import faiss
import numpy as np
import numpy.typing as npt

from index.blocks import Block, best_each_garment
from index.errors import EmbeddingMismatch, SnapshotUnusable
from index.labels import Exclusions, Flags, Ids
from index.loose_rows import Codes, Floats, LooseRows
from index.types import Query
from index.vectors import Candidates, Designs, comparable
from models.scoring import scaled_query

LOOSE_ROWS = 512
SEGMENT_ROWS = 65_536
"""Most rows of a segment: small enough to rewrite in 0.1 s and to spread over cores, large enough to scan fast."""
MOST_DEAD = 0.2
PARALLEL_ROWS = 16_384
"""Fewer rows are scanned in one task: handing work over would cost more than it saves."""

Group = tuple[int, int]
"""Tenant key and visibility mask."""
Groups = Mapping[int, tuple[Block, ...]]
View = Mapping[int, Groups]
"""Tenant key → mask → blocks: a search scans its own tenant's blocks and no others."""


class SealedRows:
    """Rows of a FAISS fp16 scalar quantiser, which accumulates inner products in float32. Source: index.md, §1."""

    def __init__(self, codes: Codes) -> None:
        self._index = faiss.IndexScalarQuantizer(
            codes.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index.add_sa_codes(np.ascontiguousarray(codes).view(np.uint8))

    @staticmethod
    def mapped(path: Path, rows: int, columns: int) -> SealedRows:
        """Rows in a file, read when they are scanned. Raises SnapshotUnusable unless it holds what was said."""
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise SnapshotUnusable(f"{path.name} is no segment: {error}") from error
        if not isinstance(index, faiss.IndexScalarQuantizer) or (index.ntotal, index.d) != (rows, columns):
            raise SnapshotUnusable(f"{path.name} does not hold {rows} rows of {columns} numbers")
        if index.sq.qtype != faiss.ScalarQuantizer.QT_fp16 or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise SnapshotUnusable(f"{path.name} holds another kind of rows")
        sealed = SealedRows.__new__(SealedRows)
        sealed._index = index
        return sealed

    def write(self, path: Path) -> None:
        """For `mapped`; the caller makes it durable."""
        faiss.write_index(self._index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def codes(self) -> Codes:
        flat = faiss.vector_to_array(self._index.codes)
        return np.asarray(flat.view(np.float16).reshape(len(self), self._index.d))

    def top(self, queries: Floats, allowed: Flags | None, count: int) -> tuple[Floats, Ids]:
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
        return sum(block.live for _, block in self.blocks())

    def blocks(self) -> Iterator[tuple[Group, Block]]:
        """Every block of one moment, in the order in which they came."""
        for tenant, groups in self._view.items():
            for mask, blocks in groups.items():
                for block in blocks:
                    yield (tenant, mask), block

    def extend(self, designs: Designs) -> None:
        with self._writing:
            self._publish({}, designs)

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        with self._writing:
            changed: dict[Group, dict[int, Block]] = {}
            known = [np.empty(0, dtype=np.int64)]
            for tenant, groups in self._view.items():
                for mask, blocks in groups.items():
                    for place, block in enumerate(blocks):
                        if (theirs := block.rows_of(item_numbers)) is not None:
                            known.append(block.labels.garment_ids[theirs])
                            changed.setdefault((tenant, mask), {})[place] = block.settled(theirs, designs)
            self._publish(changed, designs.where(~np.isin(designs.garment_ids, np.concatenate(known))))

    def clear(self) -> None:
        """Hold nothing, as if new."""
        with self._writing:
            self._view, self._dimension = MappingProxyType({}), None

    def adopt(self, blocks: Iterable[tuple[Group, Block]], dimension: int | None) -> None:
        """Hold the blocks of a snapshot as they are; for an index that holds nothing yet."""
        with self._writing:
            assert not self._view
            view: dict[int, dict[int, tuple[Block, ...]]] = {}
            for (tenant, mask), block in blocks:
                groups = view.setdefault(tenant, {})
                groups[mask] = (*groups.get(mask, ()), block)
            self._dimension = dimension
            self._view = MappingProxyType({tenant: MappingProxyType(groups) for tenant, groups in view.items()})

    def compact(self) -> int:
        """Drop every tombstone from memory; how many there were. Searches go on meanwhile, writes wait."""
        with self._writing:
            dead = sum(block.dead for _, block in self.blocks())
            self._view = MappingProxyType(
                {
                    tenant: MappingProxyType({mask: _tidied(blocks, most_dead=0) for mask, blocks in groups.items()})
                    for tenant, groups in self._view.items()
                }
            )
            return dead

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        self._check_dimension(query.embeddings.dimension)
        work = [
            (block, queries)
            for mask, blocks in self._view.get(exclusions.tenant_key, {}).items()
            if len(queries := _queries_for(mask, query))
            for block in blocks
        ]
        # Even a single share goes to the pool: in the caller's own thread FAISS would start threads that spin.
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

    def _publish(self, changed: Mapping[Group, Mapping[int, Block]], fresh: Designs) -> None:
        """Put changed blocks in their places and fresh garments behind them, all in one assignment."""
        touched: dict[Group, list[Block]] = {}
        for (tenant, mask), places in changed.items():
            touched[tenant, mask] = [places.get(n, block) for n, block in enumerate(self._view[tenant][mask])]
        if len(fresh):
            self._check_dimension(fresh.dimension)
            self._dimension = fresh.dimension
            for tenant, mask, designs in _by_group(fresh):
                held = self._view.get(tenant, {}).get(mask, ())
                touched.setdefault((tenant, mask), list(held)).append(Block.of(designs, _rows_of))
        view = dict(self._view)
        for (tenant, mask), blocks in touched.items():
            groups = {**view.get(tenant, {}), mask: _tidied(blocks)}
            view[tenant] = MappingProxyType({mask: blocks for mask, blocks in groups.items() if blocks})
        self._view = MappingProxyType({tenant: groups for tenant, groups in view.items() if groups})


def _by_group(designs: Designs) -> Iterator[tuple[int, int, Designs]]:
    """(tenant key, mask, their garments in order)."""
    for tenant in np.unique(designs.labels.tenant_keys).tolist():
        theirs = designs.labels.tenant_keys == tenant
        for mask in np.unique(designs.masks[theirs]).tolist():
            yield tenant, mask, designs.where(theirs & (designs.masks == mask))


def _queries_for(mask: int, query: Query) -> Floats:
    """float32 (0..2, 5·D): each orientation that may be compared with items of this mask, scaled for them."""
    return np.array(
        [
            scaled_query(seen, mask, query.weights)
            for seen in (query.embeddings, query.mirrored)
            if comparable(seen.mask, mask, query)
        ],
        dtype=np.float32,
    )


def _tidied(blocks: Sequence[Block], most_dead: float = MOST_DEAD) -> tuple[Block, ...]:
    """The blocks without the many dead, the loose rows joined, full ones sealed and merged with smaller neighbours."""
    kept: list[Block] = []
    for block in blocks:
        live = block.compacted(_rows_of) if block.dead > most_dead * len(block) else block
        while kept and len(live) and _belong_together(kept[-1], live):
            elder = kept.pop()
            both_loose = isinstance(elder.rows, LooseRows) and len(elder) + len(live) < LOOSE_ROWS
            live = elder.appended(live) if both_loose else elder.joined(live, _rows_of)
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


def _share_out(work: Sequence[tuple[Block, Floats]], workers: int) -> list[list[tuple[Block, Floats]]]:
    """The work in at most `workers` shares of about equal rows; one share where there is little."""
    total = sum(len(block) for block, _ in work)
    shares: list[list[tuple[Block, Floats]]] = [[] for _ in range(workers if total > PARALLEL_ROWS else 1)]
    sizes = [0] * len(shares)
    for piece in sorted(work, key=lambda piece: -len(piece[0])):
        smallest = sizes.index(min(sizes))
        shares[smallest].append(piece)
        sizes[smallest] += len(piece[0])
    return [share for share in shares if share]
