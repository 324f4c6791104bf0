"""Vectors in Milvus: one filtered inner-product search for each group of visibility masks, exact as the shards are.

A collection is one generation of one models version, and is never patched up: what does not fit the record is built
anew beside it, and dropped once the new one is whole. A row in it, the note, says up to which change it goes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.blocks import best_each_garment
from index.errors import EmbeddingMismatch, IndexUnavailable
from index.labels import Exclusions, Ids
from index.manifest import Moment
from index.milvus_collections import MilvusCollections
from index.milvus_questions import groups_of, rule_of
from index.types import Query
from index.vectors import Candidates, Designs
from models.runtime.running import Engine

log = logging.getLogger(__name__)


class Note(BaseModel):
    """What a whole collection says of itself; one that says nothing is unfinished."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=1, ge=1, le=1)
    models_version: str
    record: Moment | None
    """The first change of the record that it is of."""
    moment: Moment
    """The change up to which it goes."""
    dimension: int = Field(ge=1)
    masks: tuple[int, ...]
    garments: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Collection:
    """What is searched: `masks` that its garments have or had, and how many `garments` it holds."""

    name: str
    dimension: int
    masks: frozenset[int]
    garments: int
    moment: Moment | None
    record: Moment | None

    def with_written(self, masks: frozenset[int], more: int) -> Self:
        return type(self)(self.name, self.dimension, self.masks | masks, self.garments + more, self.moment, self.record)


class MilvusVectors:
    """`KeptVectors` in the collections of one Milvus that begin with `prefix`; other processes may have them open too.

    A write of several garments is seen one by one, not as a whole: whoever looks up in the record what it does not know
    any more catches up and looks once more, then leaves it out of the answer.
    """

    engines: tuple[Engine, ...] = ()

    def __init__(self, collections: MilvusCollections, prefix: str, models_version: str) -> None:
        self._collections = collections
        self._models_version = models_version
        self._prefix = prefix
        self.name = f"{prefix}_{hashlib.sha256(models_version.encode()).hexdigest()[:12]}"
        self._served: Collection | None = None
        self._begun: int | None = None
        self._building: Collection | None = None
        self._writing = threading.Lock()

    @property
    def dimension(self) -> int | None:
        written = self._written
        return None if written is None else written.dimension

    def __len__(self) -> int:
        written = self._written
        return 0 if written is None else written.garments

    def extend(self, designs: Designs) -> None:
        with self._writing:
            if len(designs):
                written = self._writable(designs.dimension)
                self._collections.insert(written.name, designs)
                self._write(written.with_written(frozenset(designs.masks.tolist()), len(designs)))

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        with self._writing:
            written = self._written
            if written is None and not len(designs):
                return
            if written is None or len(designs):
                written = self._writable(designs.dimension)
            held = self._collections.garments_of(written.name, item_numbers)
            # New ones first: an item that was photographed anew is never missing in between.
            self._collections.put(written.name, designs)
            self._collections.delete(written.name, np.setdiff1d(held, designs.garment_ids))
            self._write(written.with_written(frozenset(designs.masks.tolist()), len(designs) - len(held)))

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        if self._served is None:
            return best_each_garment([], count)
        self._check_dimension(query.embeddings.dimension)
        try:
            return self._search(self._served, query, exclusions, count)
        except IndexUnavailable:
            before = self._served.name
            if self.reached() is None or self._served.name == before:
                raise
            # Another process built it anew.
            return self._search(self._served, query, exclusions, count)

    def close(self) -> None:
        self._collections.close()

    def begin(self, token: int) -> None:
        """Hold nothing; what is written from now on goes into a new collection, the present one once `reach` is called.

        `token` grows with every builder; what an earlier one left unfinished is dropped.
        """
        with self._writing:
            for name in self._collections.names(f"{self.name}_"):
                if self._note_of(name) is None and name < self._name_of(token):
                    self._collections.drop(name)
            self._served, self._begun, self._building = None, token, None

    def reached(self) -> Moment | None:
        """The change up to which the present collection goes, as of now; None where there is none that is whole."""
        for name in reversed(self._collections.names(f"{self.name}_")):
            note = self._note_of(name)
            if note is None:
                continue
            with self._writing:
                self._served = Collection(
                    name, note.dimension, frozenset(note.masks), note.garments, note.moment, note.record
                )
                self._begun = self._building = None
            return note.moment
        # What was served stays: that it is gone is an error of the next search, never an empty answer.
        return None

    @property
    def record(self) -> Moment | None:
        """The first change of the record that the present collection is of, as of the last look."""
        return None if self._served is None else self._served.record

    def reach(self, moment: Moment, record: Moment | None) -> None:
        """Say that all changes up to this one are held; a new collection is the present one from now on."""
        with self._writing:
            written = self._written
            assert written is not None
            if self._building is not None:
                self._collections.flush(written.name)
            # Counted: what is added up goes wrong where a write is done again after a crash.
            garments = self._collections.count(written.name)
            note = Note(
                models_version=self._models_version,
                record=record,
                moment=moment,
                dimension=written.dimension,
                masks=tuple(sorted(written.masks)),
                garments=garments,
            )
            self._collections.write_note(written.name, note.model_dump_json(), written.dimension)
            self._served = Collection(written.name, written.dimension, written.masks, garments, moment, record)
            self._begun = self._building = None
        for name in self._collections.names(f"{self.name}_"):
            if name < written.name:
                self._collections.drop(name)

    def counted(self) -> int:
        """Garments as the engine itself counts them; slower than `len`."""
        written = self._written
        return 0 if written is None else self._collections.count(written.name)

    def discard_others(self) -> int:
        """Drop what other models' vectors are in; how many collections there were."""
        names = self._collections.names(f"{self._prefix}_")
        others = [name for name in names if not name.startswith(f"{self.name}_")]
        for name in others:
            self._collections.drop(name)
        return len(others)

    def fetch(self, garment_ids: Ids) -> Designs:
        """Those of these garments that are held, in no order."""
        written = self._written
        return Designs.joined([]) if written is None else self._collections.fetch(written.name, garment_ids)

    @property
    def _written(self) -> Collection | None:
        """What writes go into, where there is any yet."""
        return self._served if self._begun is None else self._building

    def _writable(self, dimension: int) -> Collection:
        self._check_dimension(dimension)
        written = self._written
        if written is None:
            name = self._name_of(self._begun or 0)
            self._collections.create(name, dimension)
            written = Collection(name, dimension, frozenset(), 0, None, None)
        return written

    def _write(self, written: Collection) -> None:
        if self._begun is None:
            self._served = written
        else:
            self._building = written

    def _name_of(self, token: int) -> str:
        return f"{self.name}_{token:08d}"

    def _note_of(self, name: str) -> Note | None:
        text = self._collections.read_note(name)
        try:
            return None if text is None else Note.model_validate_json(text)
        except ValidationError as error:
            log.warning("the collection %s is not understood: %s", name, error)
            return None

    def _check_dimension(self, dimension: int) -> None:
        held = self.dimension
        if held is not None and dimension != held:
            raise EmbeddingMismatch(f"the index holds vectors of {held} numbers a region, not {dimension}")

    def _search(self, served: Collection, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        parts = []
        for masks, vectors in groups_of(served.masks, query):
            found = self._collections.search(served.name, vectors, rule_of(exclusions, masks), count)
            parts += [Candidates(*columns) for columns in found]
        return best_each_garment(parts, count)
