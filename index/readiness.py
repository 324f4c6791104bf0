"""Whether an index answers, and as of which change of the record that it follows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from index.catalogue import Catalogue
from index.continuity import Continuity, RecordWentBack
from index.errors import IndexUnavailable
from index.manifest import Moment

log = logging.getLogger(__name__)


class Readiness:
    """Whoever changes it holds `_following`; may be asked from any thread."""

    def __init__(self, catalogue: Catalogue, models_version: str) -> None:
        self._following = threading.Lock()
        self._continuity = Continuity(catalogue, models_version)
        self._sequence = 0
        self._ready = False
        self._rebuilds = 0

    @property
    def ready(self) -> bool:
        """Whether searches are answered: it was loaded, and is not being read anew."""
        return self._ready

    @property
    def sequence(self) -> int:
        """The latest change that searches see, or saw last while all is read anew; 0 before loading."""
        return self._sequence

    def require_ready(self) -> None:
        """Raises IndexUnavailable where searches are not answered: a write that none would see is not begun."""
        if not self._ready:
            raise IndexUnavailable("the index is not loaded yet, or is being rebuilt from the record")

    @contextmanager
    def answering(self) -> Iterator[None]:
        """What is looked at inside is whole: raises IndexUnavailable before it where searches are not answered, and
        behind it where all was read anew meanwhile, so that a part of it or nothing may have been seen."""
        rebuilds = self._rebuilds
        self.require_ready()
        yield
        if self._rebuilds != rebuilds:
            raise IndexUnavailable("the index was rebuilt from the record meanwhile")
        self.require_ready()

    def check_record(self) -> None:
        """Unready until it is rebuilt, and RecordWentBack is raised, where the record is not the one that was followed
        any more; nothing while it is unready anyway."""
        with self._following:
            if self._ready:
                with self._continuous():
                    self._continuity.check()
                    self._continuity.advance(self._sequence)

    @contextmanager
    def _continuous(self) -> Iterator[None]:
        """Around what goes on from the change that was followed last. Raises IndexUnavailable while unready."""
        self.require_ready()
        try:
            yield
        except RecordWentBack as error:
            log.error("the index is rebuilt from the record: %s", error)
            self._ready = False
            self._continuity.begin(Moment(sequence=0))
            raise
