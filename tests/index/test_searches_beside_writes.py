"""A search of an index that is behind the record: an item that was replaced is found, one that is gone ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.catalogue import Catalogue
from index.errors import IndexUnavailable
from index.in_memory import InMemoryVectors
from index.live import LiveIndex
from index.print_search import find_prints
from index.prints import PrintIndex
from index.search import find_hits
from index.shards import Shards
from index.types import Filters
from index.vectors import VectorIndex
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_query

PRINT = bytes(range(100, 132))


class Behind:
    """A record, and an index over it that follows only when it is told to; looks at either are counted."""

    def __init__(self, folder: Path, vectors: VectorIndex, patched: pytest.MonkeyPatch) -> None:
        self.catalogue = Catalogue(f"sqlite:///{folder}/record.db")
        self.vectors = vectors
        self.live = LiveIndex(self.catalogue, vectors, MODELS_VERSION)
        self.looks = 0
        patched.setattr(vectors, "nearest", self._counted(vectors.nearest))
        patched.setattr(PrintIndex, "near", self._counted(PrintIndex.near))
        self.register(photo_seed=1)
        self.live.load()

    def register(self, photo_seed: int, **fields: Any) -> None:
        """A photo of one garment and one picture, under other bytes each time."""
        photo = make_new_photo(1, garments=(make_garment(1),), photo_seed=photo_seed, **fields)
        self.catalogue.add(replace(photo, fingerprint=PRINT))

    def by_region(self) -> list[str]:
        hits = find_hits(make_query(make_garment(1), min_score=0.9), self.live, self.catalogue)
        return [hit.photo_id for hit in hits]

    def by_print(self) -> list[str]:
        return [hit.found.photo_id for hit in find_prints(((PRINT,) * 8,), 40, Filters(), self.live, self.catalogue)]

    def registered(self) -> list[str]:
        return [photo.photo_id for photo in self.catalogue.get("SKU-1").photos]

    def _counted(self, look: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.looks += 1
            return look(*arguments, **named)

        return counted


@pytest.fixture(params=[InMemoryVectors, lambda: Shards(2)], ids=["in_memory", "shards"])
def behind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    opened = Behind(tmp_path, request.param(), monkeypatch)
    yield opened
    opened.vectors.close()
    opened.catalogue.close()


@pytest.mark.parametrize("search", [Behind.by_region, Behind.by_print])
def test_an_item_that_was_replaced_is_found_before_the_index_hears_of_it(
    behind: Behind, search: Callable[[Behind], list[str]]
) -> None:
    """The old photo is in no record any more, the new one in no index yet: the index is brought up to date first."""
    assert search(behind) == behind.registered()
    behind.register(photo_seed=2, replace=True)
    assert search(behind) == behind.registered()
    assert not behind.live.stale


@pytest.mark.parametrize("search", [Behind.by_region, Behind.by_print])
def test_an_item_that_was_deleted_is_looked_for_once_more_and_no_oftener(
    behind: Behind, search: Callable[[Behind], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the index goes on holding it, or every look meets another that is gone."""
    behind.catalogue.delete("SKU-1")
    monkeypatch.setattr(behind.live, "catch_up", lambda *_: None)
    assert (search(behind), behind.looks) == ([], 2)
    monkeypatch.undo()
    assert search(behind) == []


@pytest.mark.parametrize("search", [Behind.by_region, Behind.by_print])
def test_a_search_that_misses_nothing_looks_once(behind: Behind, search: Callable[[Behind], list[str]]) -> None:
    """However far the index is behind: that is what following is for."""
    behind.register(photo_seed=2, item_id="SKU-2")
    assert len(search(behind)) == 1
    assert (behind.looks, behind.live.stale) == (1, True)


@pytest.mark.parametrize("search", [Behind.by_region, Behind.by_print])
def test_a_search_that_cannot_be_brought_up_to_date_is_refused(
    behind: Behind, search: Callable[[Behind], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer without the item would say "clear" of its copy."""
    behind.register(photo_seed=2, replace=True)

    def fail(_to: int) -> None:
        raise IndexUnavailable("the record is away")

    monkeypatch.setattr(behind.live, "catch_up", fail)
    with pytest.raises(IndexUnavailable, match="away"):
        search(behind)
