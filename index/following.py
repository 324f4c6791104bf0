"""Takes over what other processes commit to the record within a moment, and knows how far behind that is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from index.catalogue import Catalogue
from index.errors import CatalogueError
from index.live import LiveIndex

log = logging.getLogger(__name__)

FOLLOW_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Staleness:
    """How far searches are behind the record.

    `changes` that are known and not searched yet; `seconds` since everything in the record was known to be searched: a
    follower that keeps up is never much above its own pace, and a record that cannot be asked lets it grow.
    """

    changes: int
    seconds: float


class Follower:
    """One thread that asks the record for its latest change; a failure is logged once and tried again."""

    def __init__(
        self,
        catalogue: Catalogue,
        live: LiveIndex,
        every_s: float = FOLLOW_EVERY_S,
        followed: Callable[[], None] = lambda: None,
    ) -> None:
        self._catalogue = catalogue
        self._live = live
        self._every_s = every_s
        self._followed = followed
        self._latest = 0
        self._current_at = time.monotonic()
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    @property
    def staleness(self) -> Staleness:
        """As of the last question; asks nothing. Raises IndexUnavailable before loading."""
        return Staleness(max(0, self._latest - self._live.sequence), time.monotonic() - self._current_at)

    def start(self) -> None:
        """Once the index is loaded and caught up."""
        self._current_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._look()
            except CatalogueError as error:
                if not self._failing:
                    log.error("the record's changes cannot be followed: %s", error)
                self._failing = True
                continue
            except Exception:  # nobody else would notice that the thread is gone
                log.exception("the record's changes cannot be followed")
                self._failing = True
                continue
            if self._failing:
                log.warning("the record's changes are followed again")
            self._failing = False

    def _look(self) -> None:
        asked = time.monotonic()
        self._latest = self._catalogue.last_sequence()
        self._live.check_record()
        if self._latest > self._live.sequence:
            self._live.catch_up()
            self._followed()
        self._current_at = asked
