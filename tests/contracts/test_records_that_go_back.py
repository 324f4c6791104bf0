"""A record that goes back under a running index: failover to a standby that lagged, recovery to an earlier moment.

What is held is of a past that the record has not, under numbers that it gives to other changes: it is read anew. SQLite
and a real PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from index.catalogue import Catalogue
from index.errors import IndexUnavailable
from index.live import LiveIndex
from index.registry import Registry
from index.search import find_hits
from index.shards import Shards
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.waiting import wait_for

KEPT = 3
"""Items, and changes, that the record goes back to."""


class Followed:
    """A record of five items and an index that has followed it."""

    def __init__(self, url: str) -> None:
        self.catalogue = Catalogue(url)
        self.live = LiveIndex(self.catalogue, Shards(1), MODELS_VERSION)
        for seed in range(1, 6):
            self.catalogue.add(make_new_photo(seed))
        self.live.load()

    def found(self) -> list[str]:
        """Of the garments 1 to 9."""
        queries = [make_query(make_garment(seed), min_score=0.9) for seed in range(1, 10)]
        return [hit.item_id for query in queries for hit in find_hits(query, self.live, self.catalogue)]


def go_back(catalogue: Catalogue) -> None:
    """To how the record was after so many items, and give the numbers after them out again."""
    with catalogue._database.writing() as connection:
        connection.execute(text(f"DELETE FROM changes WHERE sequence > {KEPT}"))
        connection.execute(text(f"DELETE FROM items WHERE number > {KEPT}"))
        for table, number in {
            "changes": "sequence",
            "items": "number",
            "photos": "number",
            "garments": "number",
        }.items():
            if connection.dialect.name == "sqlite":
                connection.execute(text(f"UPDATE sqlite_sequence SET seq = {KEPT} WHERE name = '{table}'"))
            else:
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', '{number}'), {KEPT})"))


def items(*seeds: int) -> list[str]:
    return [f"SKU-{seed}" for seed in seeds]


@pytest.fixture
def followed(record_url: str) -> Iterator[Followed]:
    opened = Followed(record_url)
    yield opened
    opened.catalogue.close()


@pytest.mark.parametrize("added", [0, 1, 2, 4], ids=lambda added: f"{added} of 2 changes made again")
def test_a_record_that_went_back_is_read_anew(followed: Followed, added: int) -> None:
    """Whether it is behind what was followed by now, as far, or ahead: until then nothing is answered."""
    assert followed.found() == items(1, 2, 3, 4, 5)
    go_back(followed.catalogue)
    again = range(6, 6 + added)
    for seed in again:
        followed.catalogue.add(make_new_photo(seed))
    with pytest.raises(IndexUnavailable, match="does not hold the change 5"):
        followed.live.catch_up(KEPT + added)
    with pytest.raises(IndexUnavailable):
        followed.found()
    followed.live.rebuild()
    assert (followed.found(), followed.live.sequence) == (items(1, 2, 3, *again), KEPT + added)
    followed.live.catch_up()
    assert followed.live.ready


def test_whoever_looks_at_the_record_sees_that_it_went_back(followed: Followed) -> None:
    """Though there is nothing to take over; once it was read anew, nothing is wrong any more."""
    followed.live.check_record()
    go_back(followed.catalogue)
    with pytest.raises(IndexUnavailable, match="does not hold the change 5"):
        followed.live.check_record()
    assert not followed.live.ready
    followed.live.check_record()
    followed.live.rebuild()
    followed.live.check_record()
    assert (followed.live.ready, followed.found()) == (True, items(1, 2, 3))


def test_a_service_that_is_told_late_of_an_add_of_its_own_is_not_rebuilt(record_url: str) -> None:
    """Writers beside each other follow each other's changes, so a number that was passed is nothing strange."""
    opened = Followed(record_url)
    rebuilds = opened.live._rebuilds

    def add(seed: int) -> None:
        opened.live.catch_up(opened.catalogue.add(make_new_photo(seed)).sequence)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(6, 30)))
    opened.live.catch_up(2)
    assert (opened.live.ready, opened.live._rebuilds, opened.live.sequence) == (True, rebuilds, 29)
    assert opened.found() == items(*range(1, 10))
    opened.catalogue.close()


def test_what_was_read_and_not_taken_over_is_read_again(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write into the index that fails leaves its change to be followed."""
    followed.catalogue.add(make_new_photo(6))
    with monkeypatch.context() as patched:
        patched.setattr(Shards, "settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            followed.live.catch_up()
    followed.live.catch_up()
    assert followed.found() == items(1, 2, 3, 4, 5, 6)


def test_an_add_after_the_record_went_back_is_found_without_a_restart(record_url: str, tmp_path: Path) -> None:
    """The registry's own follower and upkeep see to it; the add that meets it is refused or searched, never neither."""
    registry = Registry(record_url, tmp_path, MODELS_VERSION, Shards(1), follow_every_s=0.05)
    registry.start()
    for seed in range(1, 6):
        registry.add(make_new_photo(seed), make_photo_bytes(seed))
    go_back(registry._catalogue)
    again = make_new_photo(6), make_photo_bytes(6)

    def answered() -> bool:
        try:
            registry.add(*again)
        except IndexUnavailable:
            return False
        return True

    wait_for(answered)
    query = make_query(make_garment(6), min_score=0.9)
    assert [hit.item_id for hit in registry.search(query)] == items(6)
    assert (registry.sequence, registry.searchable) == (KEPT + 1, KEPT + 1)
    registry.close()
