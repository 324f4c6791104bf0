"""The vector shards: flat fp16 inner-product scans, one group of blocks for each tenant and visibility mask.

All is immutable: a write builds new blocks and publishes them in one assignment, so searches need no lock and see each
write as a whole or not at all. The newest rows are a small float32 array (the delta); once it is full it becomes a
sealed FAISS segment, and equal neighbours merge, so each row is rewritten a logarithmic number of times. Nothing is
ever removed from a segment: dead rows are masked, and dropped when their block is rewritten.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np

from index.blocks import QUERIES_MOST, Block, Found, best_each_garment, kept_regions, score_of_rank
from index.errors import EmbeddingMismatch
from index.labels import Exclusions, Ids
from index.loose_rows import Codes, Floats, LooseRows
from index.sealing import Sealing, sealing
from index.segments import SealedRows, scan_alone
from index.types import Query, Storage
from index.vectors import Candidates, Designs, comparable
from models.runtime.running import Engine
from models.scoring import scaled_query
from models.taxonomy import REGION_COUNT

LOOSE_ROWS = 512
SEGMENT_ROWS = 65_536
"""Most rows of a segment: small enough to rewrite in 0.1 s."""
MOST_DEAD = 0.2
PARALLEL_ROWS = 16_384
"""Fewer rows are scanned in one task: handing work over would cost more than it saves."""
REFINED = 2
"""Candidates scored exactly for each one wanted, where rows are scanned as 8 bits a number. Source: index.md, §1."""

_NO_QUERIES = np.empty((0, 0), dtype=np.float32)

Group = tuple[int, int]
"""Tenant key and visibility mask."""
Groups = Mapping[int, tuple[Block, ...]]
View = Mapping[int, Groups]
"""Tenant key → mask → blocks: a search scans its own tenant's blocks and no others."""


class Shards:
    """`VectorIndex` in memory. `threads` scan at once; more queries wait their turn.

    `sealed` says how full blocks are kept: as fp16 codes unless told otherwise.
    """

    def __init__(self, threads: int, sealed: Sealing | None = None) -> None:
        self._view: View = MappingProxyType({})
        self._dimension: int | None = None
        self._writing = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, "scan", initializer=scan_alone)
        self._threads = threads
        self.sealing = sealing(Storage.FP16) if sealed is None else sealed

    @property
    def dimension(self) -> int | None:
        return self._dimension

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What scans, where that can fall back to something slower."""
        return self.sealing.engines

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
            view = {
                tenant: {mask: self._tidied(blocks, most_dead=0) for mask, blocks in groups.items()}
                for tenant, groups in self._view.items()
            }
            self._view = MappingProxyType({tenant: MappingProxyType(groups) for tenant, groups in view.items()})
            return dead

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        self._check_dimension(query.embeddings.dimension)
        waiting = deque(
            (block, part, queries)
            for mask, blocks in self._view.get(exclusions.tenant_key, {}).items()
            if len(queries := _queries_for(mask, query))
            for block in blocks
            for part in range(len(block.rows.parts))
        )

        def scan() -> list[Found]:
            """Whichever thread is free takes the next part: cores are seldom equally busy."""
            found = []
            while waiting:
                try:
                    block, part, queries = waiting.popleft()
                except IndexError:
                    break
                if (near := block.top(queries, exclusions, count, part)) is not None:
                    found.append(near)
            return found

        rows = sum(len(block) for block, part, _ in waiting if part == 0)
        # Even a small scan goes to the pool: in the caller's own thread FAISS would start threads that spin.
        tasks = [self._pool.submit(scan) for _ in range(self._threads if rows > PARALLEL_ROWS else 1)]
        found = tasks[0].result()
        for task in tasks[1:]:
            # One that did not begin yet would find nothing left.
            found += [] if task.cancel() else task.result()
        return best_each_garment([near.candidates() for near in _refined(found, count)], count)

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
                touched.setdefault((tenant, mask), list(held)).append(Block.of(designs, mask, self._rows_of))
        view = dict(self._view)
        for (tenant, mask), blocks in touched.items():
            groups = {**view.get(tenant, {}), mask: self._tidied(blocks)}
            view[tenant] = MappingProxyType({mask: blocks for mask, blocks in groups.items() if blocks})
        self._view = MappingProxyType({tenant: groups for tenant, groups in view.items() if groups})

    def _tidied(self, blocks: Sequence[Block], most_dead: float = MOST_DEAD) -> tuple[Block, ...]:
        """The blocks without the many dead, loose rows joined, full ones sealed and merged with smaller neighbours."""
        kept: list[Block] = []
        for block in blocks:
            live = block.compacted(self._rows_of) if block.dead > most_dead * len(block) else block
            while kept and len(live) and _belong_together(kept[-1], live):
                elder = kept.pop()
                both_loose = isinstance(elder.rows, LooseRows) and len(elder) + len(live) < LOOSE_ROWS
                live = elder.appended(live) if both_loose else elder.joined(live, self._rows_of)
            if len(live):
                kept.append(live)
        return tuple(kept)

    def _rows_of(self, codes: Codes) -> LooseRows | SealedRows:
        return LooseRows(codes) if len(codes) < LOOSE_ROWS else self.sealing.fresh(codes)


def _by_group(designs: Designs) -> Iterator[tuple[int, int, Designs]]:
    """(tenant key, mask, their garments in order)."""
    if len(designs) == 1:
        yield int(designs.labels.tenant_keys[0]), int(designs.masks[0]), designs
        return
    for tenant in np.unique(designs.labels.tenant_keys).tolist():
        theirs = designs.labels.tenant_keys == tenant
        for mask in np.unique(designs.masks[theirs]).tolist():
            yield tenant, mask, designs.where(theirs & (designs.masks == mask))


def _queries_for(mask: int, query: Query) -> Floats:
    """float32 (0..2, R·D): each orientation that may be compared with items of this mask, scaled for them."""
    scaled = [
        scaled_query(seen, mask, query.weights)
        for seen in (query.embeddings, query.mirrored)
        if comparable(seen.mask, mask, query)
    ]
    if not scaled:
        return _NO_QUERIES
    return kept_regions(np.array(scaled, dtype=np.float32).reshape(len(scaled), REGION_COUNT, -1), mask)


def _belong_together(older: Block, newer: Block) -> bool:
    """Loose rows join loose rows; a segment joins its elder unless that is more than twice as large."""
    rows = len(older) + len(newer)
    if isinstance(newer.rows, LooseRows):
        return isinstance(older.rows, LooseRows)
    return rows <= SEGMENT_ROWS and (isinstance(older.rows, LooseRows) or len(older) <= 2 * len(newer))


def _refined(found: Sequence[Found], count: int) -> Sequence[Found]:
    """What was scored coarsely scored exactly, as many as could be among the best of both queries."""
    if not any(near.block.rows.refined for near in found):
        return found
    least = score_of_rank(np.concatenate([near.scores for near in found]), REFINED * QUERIES_MOST * count)
    return [near.refined(least) if near.block.rows.refined else near for near in found]
