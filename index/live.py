"""The index being served: loaded from a snapshot or the record, caught up from its change log, honest about both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, SnapshotUnusable
from index.labels import Exclusions
from index.leases import LEASE_S
from index.manifest import Manifest
from index.prints import PrintIndex
from index.readiness import Readiness
from index.shards import Shards
from index.snapshot import KEPT, Fence, Snapshots, check_files, open_blocks, sequence_of
from index.types import Query
from index.vectors import Candidates, VectorIndex

log = logging.getLogger(__name__)

CHECKED_AT_ONCE = 100_000_000
"""Bytes of a snapshot that are read before it is served, in about 0.2 s; the rest of a larger one is read meanwhile."""


class LiveIndex(Readiness):
    """The designs of one models version, as of `sequence`; may be used from any thread.

    With `snapshots`, which need `Shards`, a start maps the latest one instead of reading the whole record.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: VectorIndex,
        models_version: str,
        snapshots: Snapshots | None = None,
    ) -> None:
        super().__init__(catalogue, models_version)
        self._catalogue = catalogue
        self._vectors = vectors
        self._models_version = models_version
        self._snapshots = snapshots
        self.prints = PrintIndex()
        """The perceptual hashes of the photos whose designs are searched."""
        self.started_from: Path | None = None
        """The snapshot that was mapped; its vectors are to be checked by `check_snapshot`."""

    @property
    def models_version(self) -> str:
        return self._models_version

    @property
    def stale(self) -> bool:
        """Whether the record holds changes that are not searched yet."""
        return not self._ready or self._catalogue.last_sequence() > self._sequence

    @property
    def snapshot_sequence(self) -> int:
        """The change up to which the mapped snapshot goes; 0 where the record was read."""
        return 0 if self.started_from is None else sequence_of(self.started_from)

    def __len__(self) -> int:
        return len(self._vectors)

    def load(self) -> None:
        """Hold every design of this models version, and never those of others. Once."""
        with self._following:
            assert not self._ready
            mapped_to = self._map_latest()
            self._sequence = self._read_record() if mapped_to is None else mapped_to
            self._read_prints()
            self._ready = True

    def catch_up(self, to: int | None = None) -> None:
        """Search everything that was committed before this call, from whatever process, or up to a change at least.

        Unready until it is rebuilt, and RecordWentBack is raised, where the record is not what was followed any more.
        """
        looks = self._continuity.looks
        with self._following, self._continuous():
            if to is None or self._sequence < to:
                self._sequence = self._follow(to)
            elif self._continuity.looks == looks:
                # No other thread has compared the two meanwhile: a change of this number may have been followed before.
                self._continuity.check()

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        """Raises EmbeddingMismatch for a query of other models, IndexUnavailable before loading and amid a rebuild."""
        if query.models_version != self._models_version:
            raise EmbeddingMismatch(f"the index holds {self._models_version}, the query is of {query.models_version}")
        with self.answering():
            return self._vectors.nearest(query, exclusions, count)

    def write_snapshot(
        self,
        tick: Callable[[], None] = lambda: None,
        behind: int = 0,
        lease_s: float = LEASE_S,
        kept: int = KEPT,
    ) -> Path:
        """Searches and writes go on meanwhile: what is written is one moment's immutable blocks.

        One process at a time writes into a folder. The latest one, whoever wrote it, where that is less than `behind`
        changes old. All but the `kept` latest go. Raises LeaseHeld, LeaseLost.
        """
        snapshots = self._snapshots
        assert snapshots is not None
        with self._catalogue.leases.holding(f"snapshots/{snapshots.identity()}", lease_s) as held:
            if abandoned := snapshots.discard_abandoned(self._catalogue.moment):
                log.warning("%d snapshots were of changes that the record does not hold, and are gone", abandoned)
            latest = snapshots.latest(self._models_version)
            if latest is not None and 0 <= self.sequence - sequence_of(latest) < behind:
                return latest

            def checked() -> None:
                held.check()
                tick()

            return self._publish(snapshots, checked, held.token, held.fenced, kept)

    def copy_snapshot(self, into: Snapshots, tick: Callable[[], None] = lambda: None) -> Path:
        """A snapshot in a folder that nobody else writes into."""
        return self._publish(into, tick)

    def _publish(
        self,
        snapshots: Snapshots,
        tick: Callable[[], None],
        token: int = 0,
        fence: Fence = nullcontext,
        kept: int = KEPT,
    ) -> Path:
        assert isinstance(self._vectors, Shards)
        with self._following:
            self.require_ready()
            moment = self._catalogue.moment(self._sequence)
            blocks, dimension = list(self._vectors.blocks()), self._vectors.dimension or 0
        assert moment is not None
        return snapshots.publish(blocks, dimension, self._models_version, moment, tick, token, fence, kept)

    def check_snapshot(self, tick: Callable[[], None] = lambda: None) -> bool:
        """Read what was mapped at the start; False where it is damaged: then unready until `rebuild` is done."""
        path = self.started_from
        if path is None or self._snapshots is None:
            return True
        try:
            check_files(path, Manifest.read(path), tick)
        except SnapshotUnusable as error:
            log.error("snapshot %s is not trusted, the index is rebuilt from the record: %s", path.name, error)
            with self._following:
                self._ready, self.started_from = False, None
            self._snapshots.discard(path)
            return False
        return True

    def rebuild(self) -> None:
        """Read all from the record anew. Raises IndexUnavailable while the record is out; to be tried again then."""
        with self._following:
            self._ready, self._rebuilds = False, self._rebuilds + 1
            self._sequence = self._read_record()
            self._read_prints()
            self._ready = True

    def _map_latest(self) -> int | None:
        """The sequence caught up to from the latest snapshot that can be trusted; None where there is none."""
        if self._snapshots is None:
            return None
        for path in self._snapshots.paths():
            try:
                sequence = self._map(path)
            except SnapshotUnusable as error:
                log.warning("snapshot %s is not used: %s", path.name, error)
                continue
            self.started_from = path
            return sequence
        return None

    def _map(self, path: Path) -> int:
        assert isinstance(self._vectors, Shards)
        manifest = Manifest.read(path)
        if manifest.models_version != self._models_version:
            raise SnapshotUnusable(f"it is of the models {manifest.models_version}")
        if self._catalogue.moment(manifest.moment.sequence) != manifest.moment:
            raise SnapshotUnusable("it is of another record, or of a later state of this one")
        if manifest.size <= CHECKED_AT_ONCE:
            check_files(path, manifest)
        self._vectors.clear()
        self._vectors.adopt(open_blocks(path, manifest, self._vectors.sealing.mapped), manifest.dimension or None)
        if len(self._vectors) != manifest.garments:
            raise SnapshotUnusable(f"it holds {len(self._vectors)} garments, not {manifest.garments}")
        self._continuity.begin(manifest.moment)
        while True:
            sequence = self._follow()
            counted_at, designs = self._catalogue.count_designs(self._models_version)
            if counted_at == sequence:
                break
        if designs != len(self._vectors):
            raise SnapshotUnusable(f"caught up it holds {len(self._vectors)} garments, the record {designs}")
        return sequence

    def _read_record(self) -> int:
        if isinstance(self._vectors, Shards):
            self._vectors.clear()
        sequence = 0
        for read_at, designs in self._catalogue.designs(self._models_version):
            if len(designs):
                self._vectors.extend(designs)
            sequence = read_at
        self._continuity.advance(sequence)
        self.started_from = None
        return sequence

    def _read_prints(self) -> None:
        """Once the sequence is known: what is newer here is only settled again, what was older would be missed."""
        self.prints.clear(self._catalogue.prints(self._models_version))

    def _follow(self, to: int | None = None) -> int:
        """The change that searches see once every committed one, or all up to `to`, is taken over."""
        while to is None or self._continuity.sequence < to:
            step = self._continuity.next()
            if step is None:
                break
            changed, moment = step
            self._vectors.settle(changed.item_numbers, changed.designs)
            self.prints.settle(changed.item_numbers, changed.prints)
            self._continuity.begin(moment)
        return self._continuity.sequence
