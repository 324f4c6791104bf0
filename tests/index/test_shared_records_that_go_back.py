"""Vectors that outlive the process follow a record that went back: whoever looks sees it, and they are built anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from index.catalogue import Catalogue
from index.errors import IndexUnavailable
from index.in_memory import InMemoryVectors
from index.labels import Exclusions, Ids
from index.manifest import Moment
from index.search import find_hits
from index.shared_live import SharedLiveIndex
from index.types import Query
from index.vectors import Candidates, Designs
from models.runtime.running import Engine
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_query


class KeptInMemory:
    """`KeptVectors` of one process, built anew in another `InMemoryVectors` beside what is searched."""

    name = "kept-in-memory"
    engines: tuple[Engine, ...] = ()

    def __init__(self) -> None:
        self._served = self._written = InMemoryVectors()
        self._reached: Moment | None = None
        self.record: Moment | None = None
        self.begun: list[int] = []
        """The token of whoever built it anew, each time."""

    @property
    def dimension(self) -> int | None:
        return self._written.dimension

    def __len__(self) -> int:
        return len(self._written)

    def extend(self, designs: Designs) -> None:
        self._written.extend(designs)

    def settle(self, item_numbers: Ids, designs: Designs) -> None:
        self._written.settle(item_numbers, designs)

    def nearest(self, query: Query, exclusions: Exclusions, count: int) -> Candidates:
        return self._served.nearest(query, exclusions, count)

    def reached(self) -> Moment | None:
        return self._reached

    def begin(self, token: int) -> None:
        self._written = InMemoryVectors()
        self.begun.append(token)

    def reach(self, moment: Moment, record: Moment | None) -> None:
        self._served, self._reached, self.record = self._written, moment, record

    def counted(self) -> int:
        return len(self)

    def fetch(self, garment_ids: Ids) -> Designs:
        raise NotImplementedError

    def discard_others(self) -> int:
        return 0

    def close(self) -> None:
        self._served.close()


class Sharing:
    """A record of three items, and two indexes of the same vectors over it."""

    def __init__(self, folder: Path) -> None:
        self.catalogue = Catalogue(f"sqlite:///{folder}/record.db")
        self.vectors = KeptInMemory()
        for seed in range(1, 4):
            self.catalogue.add(make_new_photo(seed))
        self.both = [SharedLiveIndex(self.catalogue, self.vectors, MODELS_VERSION) for _ in range(2)]
        for live in self.both:
            live.load()
            live.check_record()

    def found(self, live: SharedLiveIndex) -> list[str]:
        """Of the garments 1 to 9."""
        queries = [make_query(make_garment(seed), min_score=0.9) for seed in range(1, 10)]
        return [hit.item_id for query in queries for hit in find_hits(query, live, self.catalogue)]

    def go_back(self) -> None:
        """To how it was before the last item."""
        with self.catalogue._database.writing() as connection:
            connection.execute(text("DELETE FROM changes WHERE sequence > 2"))
            connection.execute(text("DELETE FROM items WHERE number > 2"))
            connection.execute(text("UPDATE sqlite_sequence SET seq = 2"))


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Sharing]:
    opened = Sharing(tmp_path)
    yield opened
    opened.vectors.close()
    opened.catalogue.close()


@pytest.mark.parametrize("added", [0, 1, 3], ids=lambda added: f"{added} of 1 change made again")
def test_each_process_sees_that_the_record_went_back_and_one_builds_anew(sharing: Sharing, added: int) -> None:
    """Whoever comes later finds vectors that fit; afterwards nobody takes them for wrong again."""
    sharing.go_back()
    again = range(5, 5 + added)
    for seed in again:
        sharing.catalogue.add(make_new_photo(seed))
    built = len(sharing.vectors.begun)
    for live in sharing.both:
        with pytest.raises(IndexUnavailable, match="does not hold the change 3"):
            live.check_record()
        assert not live.ready
        live.rebuild()
    for live in sharing.both:
        live.check_record()
        live.catch_up()
        assert (live.ready, sharing.found(live)) == (True, [f"SKU-{seed}" for seed in (1, 2, *again)])
    assert len(sharing.vectors.begun) == built + 1


def test_a_record_that_only_grows_is_never_taken_for_another(sharing: Sharing) -> None:
    """Whether one follows it or the other did."""
    one, other = sharing.both
    for seed in range(4, 7):
        sharing.catalogue.add(make_new_photo(seed))
        one.catch_up()
        other.check_record()
        other.catch_up()
        other.check_record()
        one.check_record()
    assert sharing.found(one) == sharing.found(other) == [f"SKU-{seed}" for seed in range(1, 7)]
    assert len(sharing.vectors.begun) == 1
