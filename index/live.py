"""The index being served: loaded from the record, caught up from its change log, honest about both."""

from __future__ import annotations

import threading

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, IndexUnavailable
from index.labels import Exclusions
from index.types import Query
from index.vectors import Candidates, VectorIndex


class LiveIndex:
    """The designs of one models version, as of `sequence`; may be used from any thread."""

    def __init__(self, catalogue: Catalogue, vectors: VectorIndex, models_version: str) -> None:
        self._catalogue = catalogue
        self._vectors = vectors
        self._models_version = models_version
        self._following = threading.Lock()
        self._sequence: int | None = None

    @property
    def models_version(self) -> str:
        return self._models_version

    @property
    def ready(self) -> bool:
        """Whether it was loaded."""
        return self._sequence is not None

    @property
    def stale(self) -> bool:
        """Whether the record holds changes that are not searched yet."""
        return self._sequence is None or self._catalogue.last_sequence() > self._sequence

    @property
    def sequence(self) -> int:
        """The latest change that searches see. Raises IndexUnavailable before loading."""
        self.require_ready()
        assert self._sequence is not None
        return self._sequence

    def require_ready(self) -> None:
        """Raises IndexUnavailable before loading: a write that could not be searched is not begun."""
        if self._sequence is None:
            raise IndexUnavailable("the index is not loaded yet")

    def __len__(self) -> int:
        return len(self._vectors)

    def load(self) -> None:
        """Read every design of this models version; designs of others are never held. Once."""
        with self._following:
            assert self._sequence is None
            sequence = 0
            for read_at, designs in self._catalogue.designs(self._models_version):
                if len(designs):
                    self._vectors.extend(designs)
                sequence = read_at
            self._sequence = sequence

    def catch_up(self, to: int | None = None) -> None:
        """Search everything that was committed before this call, from whatever process, or up to a change at least."""
        with self._following:
            if to is not None and self.sequence >= to:
                return
            while changed := self._catalogue.changed_since(self.sequence, self._models_version):
                self._vectors.settle(changed.item_numbers, changed.designs)
                self._sequence = changed.sequence

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        """Raises EmbeddingMismatch for a query of other models, IndexUnavailable before loading."""
        if query.models_version != self._models_version:
            raise EmbeddingMismatch(f"the index holds {self._models_version}, the query is of {query.models_version}")
        self.require_ready()
        return self._vectors.nearest(query, exclusions, count)
