"""Whether the record still goes on from where an index last read it: a failover to a standby that lagged, or a recovery
to an earlier moment, takes changes back and gives their numbers to others."""

from __future__ import annotations

from index.catalogue import Catalogue, Changed
from index.errors import IndexUnavailable
from index.manifest import Moment

AT_ONCE = 1000
"""Changes read in one step."""


class RecordWentBack(IndexUnavailable):
    """The record does not hold, under its number, a change that was followed: what is held is of a past it has not."""


class Continuity:
    """The change up to which a record was followed, known by more than its number. Its caller takes turns.

    Every method raises IndexUnavailable where the record is out.
    """

    def __init__(self, catalogue: Catalogue, models_version: str) -> None:
        self._catalogue = catalogue
        self._models_version = models_version
        self._moment = Moment(sequence=0)
        self.looks = 0
        """How often the record was compared, counted as each look begins."""

    @property
    def sequence(self) -> int:
        """Of the change that is gone on from."""
        return self._moment.sequence

    def begin(self, moment: Moment) -> None:
        """Go on from a change that the record is known to hold."""
        self._moment = moment

    def advance(self, to: int) -> None:
        """Go on from the change that the record holds under this number. Raises RecordWentBack."""
        if to != self._moment.sequence:
            moment = self._catalogue.moment(to)
            if moment is None:
                raise RecordWentBack(f"the record has no change {to} any more")
            self._moment = moment

    def check(self) -> None:
        """Raises RecordWentBack."""
        self.looks += 1
        known = self._moment
        if self._catalogue.moment(known.sequence) != known:
            raise self._went_back()

    def next(self) -> tuple[Changed, Moment] | None:
        """What the next changes made of their items, and where to go on once that is taken over; None where there are
        none. Raises RecordWentBack."""
        self.looks += 1
        known = self._moment
        # The last one that is known comes first, so that one question tells both.
        listed = self._catalogue.changes_since(max(0, known.sequence - 1), AT_ONCE)
        moments = [Moment(sequence=change.sequence, item_id=change.item_id, at=change.at) for change in listed]
        if known.sequence > 0:
            if not moments or moments[0] != known:
                raise self._went_back()
            del moments[0]
        if not moments:
            return None
        changed = self._catalogue.changed_since(known.sequence, self._models_version, len(moments))
        if changed is None or changed.sequence != moments[-1].sequence:
            raise self._went_back()
        return changed, moments[-1]

    def _went_back(self) -> RecordWentBack:
        return RecordWentBack(f"the record does not hold the change {self._moment.sequence} that was followed")
