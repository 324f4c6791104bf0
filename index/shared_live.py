"""The index where an engine keeps the vectors, beyond this process and shared with others that follow the same record.

Whoever finds the record ahead takes a turn, under a lease of the record, and writes what changed; the rest see that it
was done. The engine remembers how far it goes, so a start reads only what came since. Whatever does not fit the record
is built anew from it, beside what is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, runtime_checkable

from index.catalogue import Catalogue
from index.errors import IndexUnavailable, LeaseHeld, LeaseLost
from index.labels import Ids
from index.leases import HeldLease
from index.live import LiveIndex
from index.manifest import Moment
from index.vectors import Designs, VectorIndex

log = logging.getLogger(__name__)

TURN_S = 10.0
"""How long a process that was killed in its turn keeps the others waiting."""
PATIENCE_S = 3 * TURN_S
"""How long a write waits for its turn."""
_LOOK_AGAIN_S = 0.02


@runtime_checkable
class KeptVectors(VectorIndex, Protocol):
    """Vectors of one models version that outlive this process, and the change up to which they go.

    Every method raises IndexUnavailable where the engine cannot be used.
    """

    name: str
    """The same in every process that shares them, and for no other vectors."""

    @property
    def record(self) -> Moment | None:
        """The first change of the record that they are of."""

    def reached(self) -> Moment | None:
        """The change up to which all is held, asked anew; None where nothing whole is held."""

    def begin(self, token: int) -> None:
        """Hold nothing; what is written from now on is held beside what others see, until `reach` is called."""

    def reach(self, moment: Moment, record: Moment | None) -> None:
        """Say that everything up to this change is held; what was begun takes the place of what was there."""

    def counted(self) -> int:
        """Garments, counted rather than remembered."""

    def fetch(self, garment_ids: Ids) -> Designs:
        """What is held of these garments, in no order."""

    def discard_others(self) -> int:
        """Forget the vectors of other models that this record has; how many generations there were."""


class SharedLiveIndex(LiveIndex):
    """`LiveIndex` over `KeptVectors`, without snapshots."""

    def __init__(self, catalogue: Catalogue, vectors: KeptVectors, models_version: str) -> None:
        super().__init__(catalogue, vectors, models_version)
        self._kept = vectors
        self._again_from: int | None = None
        """A change from which all is written again, after a turn that ended too late."""
        self._printed = 0
        """The change up to which `prints` go, which every process holds for itself."""

    def load(self) -> None:
        """Be caught up, after others where they are at it. Raises IndexUnavailable for another record's vectors."""
        with self._following:
            assert not self._ready
            with self._turn() as held:
                self._sequence = self._trusted(held)
            self._hold_prints()
            self._ready = True

    def catch_up(self, to: int | None = None) -> None:
        """Search everything that was committed before this call, or up to a change; another process may do the work."""
        wanted = self._catalogue.last_sequence() if to is None else to
        with self._following:
            self.require_ready()
            if self._sequence < wanted:
                self._sequence = self._reach(wanted)
            if self._printed < wanted:
                self._follow_prints()

    def rebuild(self) -> None:
        """Build all from the record anew, unless another process has done so."""
        with self._following, self._turn() as held:
            self._ready, self._rebuilds = False, self._rebuilds + 1
            self._sequence = self._trusted(held)
            self._hold_prints()
            self._ready = True

    def _hold_prints(self) -> None:
        self._printed = self._catalogue.last_sequence()
        self._read_prints()

    def _follow_prints(self) -> None:
        while changed := self._catalogue.prints_since(self._printed, self._models_version):
            self._printed, item_numbers, prints = changed
            self.prints.settle(item_numbers, prints)

    def _reach(self, wanted: int) -> int:
        until = time.monotonic() + PATIENCE_S
        while True:
            moment = self._kept.reached()
            if moment is None and len(self._vectors):
                raise self._gone()
            if moment is not None and moment.sequence >= wanted and self._again_from is None:
                return moment.sequence
            try:
                with self._catalogue.leases.holding(self._lease, TURN_S) as held:
                    return self._build(held) if moment is None else self._written(moment.sequence, held)
            except (LeaseHeld, LeaseLost) as waiting:
                if time.monotonic() > until:
                    raise IndexUnavailable(f"the index does not follow the record: {waiting}") from waiting
            time.sleep(_LOOK_AGAIN_S)

    def _trusted(self, held: HeldLease) -> int:
        """The change caught up to from what is held where that fits the record, or from the record."""
        moment = self._kept.reached()
        if moment is None:
            return self._build(held)
        if self._kept.record != self._catalogue.first_change():
            raise IndexUnavailable(
                f"{self._kept.name} holds the vectors of another record: choose another prefix, or drop them"
            )
        if self._catalogue.moment(moment.sequence) != moment:
            log.warning("%s is of a later state of this record: it is built anew", self._kept.name)
            return self._build(held)
        sequence = moment.sequence
        while True:
            sequence = self._written(sequence, held)
            counted_at, designs = self._catalogue.count_designs(self._models_version)
            if counted_at == sequence:
                break
        found = self._kept.counted()
        if found != designs:
            log.warning("%s holds %d garments, the record %d: it is built anew", self._kept.name, found, designs)
            return self._build(held)
        return sequence

    def _written(self, sequence: int, held: HeldLease) -> int:
        """Write what changed after `sequence`; the change up to which that is all. Raises LeaseLost."""
        if self._again_from is not None:
            sequence = min(sequence, self._again_from)
        try:
            while changed := self._catalogue.changed_since(sequence, self._models_version):
                held.check()
                self._kept.settle(changed.item_numbers, changed.designs)
                # Where the time was over by now, another may have written later states of these items before.
                held.check()
                sequence = changed.sequence
                self._say_reached(sequence)
        except LeaseLost:
            self._again_from = sequence
            raise
        self._again_from = None
        return sequence

    def _build(self, held: HeldLease) -> int:
        """All from the record. Raises LeaseLost, and nothing has taken the place of what was there."""
        sequence = 0
        self._kept.begin(held.token)
        for read_at, designs in self._catalogue.designs(self._models_version):
            held.check()
            self._kept.extend(designs)
            sequence = read_at
        if len(self._vectors):
            held.check()
            self._say_reached(sequence)
        return sequence

    def _say_reached(self, sequence: int) -> None:
        moment = self._catalogue.moment(sequence)
        assert moment is not None
        self._kept.reach(moment, self._catalogue.first_change())

    def _gone(self) -> IndexUnavailable:
        """What was held is not there any more: unready until it is built anew in the background."""
        self._ready = False
        log.error("%s is gone: it is built anew from the record", self._kept.name)
        return IndexUnavailable("the vectors are gone from the engine, and are built anew from the record")

    @property
    def _lease(self) -> str:
        return f"vectors/{self._kept.name}"

    @contextmanager
    def _turn(self) -> Iterator[HeldLease]:
        """Alone among all processes, however long that takes: another may be building."""
        with ExitStack() as stack:
            while True:
                try:
                    held = stack.enter_context(self._catalogue.leases.holding(self._lease, TURN_S))
                    break
                except LeaseHeld:
                    time.sleep(_LOOK_AGAIN_S)
            yield held
