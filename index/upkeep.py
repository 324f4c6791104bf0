"""What goes on beside searches: leftover photos swept, the mapped snapshot checked, a new one written now and then."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from index.catalogue import Catalogue
from index.errors import CatalogueError, LeaseHeld
from index.live import LiveIndex
from index.photos import PhotoStore
from index.snapshot import sequence_of

log = logging.getLogger(__name__)

SNAPSHOT_EVERY = 10_000
"""Changes between two snapshots, and so about the most that a start has to catch up with."""


TRY_AGAIN_S = 1.0
"""Between attempts at what could not be done: to read the record, to delete a photo."""


class _Stopped(Exception):
    """The service is being closed: what goes on is given up."""


class Upkeep:
    """One thread. A failure is logged and never stops a search or a write."""

    def __init__(self, catalogue: Catalogue, photos: PhotoStore, live: LiveIndex, snapshot_every: int) -> None:
        self._catalogue = catalogue
        self._photos = photos
        self._live = live
        self._snapshot_every = snapshot_every
        self._snapshot_at = 0
        self._stopping = False
        self._leftover: deque[str] = deque()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)

    def start(self) -> None:
        """Once the index is loaded, from a snapshot of change `LiveIndex.snapshot_sequence` or from the record."""
        self._snapshot_at = self._live.snapshot_sequence
        self._thread.start()

    def changed(self) -> None:
        """Tell that there was a change; returns at once."""
        if self._due:
            self._woken.set()

    def discard_later(self, sha256: str) -> None:
        """A photo that nothing refers to, and whose bytes could not be deleted; returns at once."""
        self._leftover.append(sha256)

    def stop(self) -> None:
        """Give up what goes on; an unfinished snapshot leaves no trace."""
        self._stopping = True
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def _due(self) -> bool:
        return self._snapshot_every > 0 and self._live.sequence - self._snapshot_at >= self._snapshot_every

    def _work(self) -> None:
        try:
            self._try("check the snapshot", self._check)
            self._try("sweep the photos", self._sweep)
            while True:
                self._tick()
                if self._due:
                    self._try("write a snapshot", self._write)
                self._woken.wait(TRY_AGAIN_S)
                self._woken.clear()
                self._rebuild()
                if self._leftover:
                    self._try("delete photos", self._discard)
        except _Stopped:
            return

    def _try(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except _Stopped:
            raise
        except (CatalogueError, OSError) as error:
            log.warning("could not %s: %s", what, error)
        except Exception:  # nobody else would notice that the thread is gone
            log.exception("could not %s", what)

    def _check(self) -> None:
        if not self._live.check_snapshot(self._tick):
            self._snapshot_at = 0
        self._rebuild()

    def _rebuild(self) -> None:
        while not self._live.ready:
            self._tick()
            self._try("read the record", self._live.rebuild)
            if not self._live.ready:
                self._woken.wait(TRY_AGAIN_S)
                self._woken.clear()

    def _discard(self) -> None:
        for sha256 in tuple(self._leftover):
            self._photos.discard(sha256, self._catalogue.refers_to)
            self._leftover.remove(sha256)

    def _sweep(self) -> None:
        self._photos.sweep(self._catalogue.photo_hashes(), still_wanted=self._catalogue.refers_to, tick=self._tick)

    def _write(self) -> None:
        # Set first: a disk that refuses is asked again after as many changes, not after every one.
        self._snapshot_at = self._live.sequence
        try:
            path = self._live.write_snapshot(self._tick, behind=self._snapshot_every)
        except LeaseHeld as held:
            log.info("no snapshot is written here: %s", held)
        else:
            self._snapshot_at = sequence_of(path)
            log.info("the latest snapshot is %s", path.name)

    def _tick(self) -> None:
        if self._stopping:
            raise _Stopped
