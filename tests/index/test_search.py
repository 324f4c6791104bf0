"""From a query to one exact hit an item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, IndexUnavailable, InvalidQuery
from index.in_memory import InMemoryVectors
from index.live import LiveIndex
from index.search import find_hits
from index.shards import Shards
from index.types import Filters, Hit, ItemDetails, NewPhoto, Query
from index.vectors import VectorIndex
from models.scoring import colour_shifts, region_cosines, seen_mirrored, weighted_score
from models.taxonomy import Category, RegionName
from models.types import DescribedGarment
from models.weighting import RegionWeights
from tests.factories import (
    MODELS_VERSION,
    SLEEVELESS,
    alter_regions,
    make_embeddings,
    make_garment,
    make_new_photo,
    make_query,
    make_weights,
)


class Searching:
    """A catalogue and a live index over it."""

    def __init__(self, folder: Path, vectors: VectorIndex) -> None:
        self.vectors = vectors
        self.catalogue = Catalogue(f"sqlite:///{folder}/record.db")
        self.live = LiveIndex(self.catalogue, vectors, MODELS_VERSION)

    def add(self, *photos: NewPhoto) -> None:
        for photo in photos:
            self.catalogue.add(photo)
        if not self.live.ready:
            self.live.load()
        self.live.catch_up()

    def hits(self, garment: DescribedGarment, weights: RegionWeights | None = None, **changes: Any) -> list[Hit]:
        return find_hits(make_query(garment, weights, **changes), self.live, self.catalogue)

    def close(self) -> None:
        self.vectors.close()
        self.catalogue.close()


@pytest.fixture(params=[InMemoryVectors, lambda: Shards(2)], ids=["in_memory", "shards"])
def searching(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Searching]:
    opened = Searching(tmp_path, request.param())
    yield opened
    opened.close()


def test_a_hit_tells_region_by_region_what_agrees(searching: Searching) -> None:
    """Exact cosines of the altered copy, NaN where nothing can be compared, details from the record."""
    original = make_garment(1, mask=SLEEVELESS)
    searching.add(
        make_new_photo(1, garments=(original,), details=ItemDetails(seller_id="s1", title="Vest")), make_new_photo(2)
    )
    copy = make_garment(3, embeddings=alter_regions(original.embeddings, [RegionName.COLLAR], seed=3))
    hit = searching.hits(copy, top_k=1)[0]
    np.testing.assert_array_equal(hit.cosines, region_cosines(copy.embeddings, original.embeddings))
    assert (hit.item_id, hit.mirrored, hit.details.title) == ("SKU-1", False, "Vest")
    assert hit.score == pytest.approx(weighted_score(hit.cosines, RegionWeights.equal()), abs=1e-12)
    assert np.isnan(hit.cosines).tolist() == np.isnan(hit.colour_shifts).tolist() == [False] * 3 + [True] * 2
    assert hit.cosines[1] > 0.999
    assert hit.cosines[0] < 0.5
    assert hit.photo_sha256 == make_new_photo(1).sha256
    assert hit.garment.detection == original.detection


def test_a_flipped_copy_is_found_under_the_catalogue_photos_names(searching: Searching) -> None:
    """The flipped query's left sleeve was compared with the item's right one, and that is the row that stands out."""
    original = make_embeddings(1)
    searching.add(make_new_photo(1, garments=(make_garment(1, embeddings=original),)), make_new_photo(2))
    # A flipped photo whose left sleeve was altered: the catalogue photo knows that sleeve as its right.
    altered = alter_regions(original, [RegionName.RIGHT_SLEEVE], seed=9)
    query = make_garment(5, embeddings=make_embeddings(5), mirrored=altered)
    hit = searching.hits(query)[0]
    assert (hit.item_id, hit.mirrored) == ("SKU-1", True)
    assert hit.score == pytest.approx(0.8 + hit.cosines[RegionName.RIGHT_SLEEVE.row] / 5, abs=1e-6)
    assert hit.cosines[RegionName.LEFT_SLEEVE.row] > 0.999
    assert hit.cosines[RegionName.RIGHT_SLEEVE.row] < 0.5
    np.testing.assert_array_equal(hit.colour_shifts, colour_shifts(altered, original))


def test_an_item_with_many_views_is_one_hit(searching: Searching) -> None:
    """Its best view, and others still come after it though its views crowd the candidates."""
    original = make_embeddings(1)
    views = [
        make_garment(seed, embeddings=alter_regions(original, [], seed=seed, noise=0.01 * (seed - 99)))
        for seed in range(100, 190)
    ]
    searching.add(*(make_new_photo(100 + n, item_id="MANY", garments=(view,)) for n, view in enumerate(views)))
    searching.add(make_new_photo(1), make_new_photo(2), make_new_photo(3))
    hits = searching.hits(make_garment(1, embeddings=original), top_k=3)
    assert [hit.item_id for hit in hits[:2]] == ["SKU-1", "MANY"]
    best = max(weighted_score(region_cosines(original, view.embeddings), RegionWeights.equal()) for view in views)
    assert (len(hits), hits[1].score) == (3, best)


def test_equal_scores_are_told_apart_by_item_id(searching: Searching) -> None:
    """However many share a score, and in whatever order they came."""
    names = [f"ITEM-{number:03d}" for number in np.random.default_rng(1).permutation(150)]
    garment = make_garment(1)
    searching.add(*(make_new_photo(n, item_id=name, garments=(garment,)) for n, name in enumerate(names)))
    assert [hit.item_id for hit in searching.hits(garment, top_k=20)] == sorted(names)[:20]


def test_scores_closer_than_the_index_can_tell_keep_their_order(searching: Searching) -> None:
    """Copies that differ by less than fp16 rounds away are ranked by their exact scores."""
    original = make_embeddings(1)
    copies = [
        make_garment(seed, embeddings=alter_regions(original, [], seed, noise=0.02 + 0.0002 * (seed % 40)))
        for seed in range(200)
    ]
    searching.add(*(make_new_photo(n, garments=(copy,)) for n, copy in enumerate(copies)))
    query = make_garment(1, embeddings=original)
    ranked = sorted(
        (-weighted_score(region_cosines(original, copy.embeddings), RegionWeights.equal()), f"SKU-{n}")
        for n, copy in enumerate(copies)
    )
    assert [hit.item_id for hit in searching.hits(query, top_k=3)] == [name for _, name in ranked[:3]]


def test_only_scores_of_at_least_min_score_answer(searching: Searching) -> None:
    """None at all is an answer."""
    searching.add(*(make_new_photo(seed) for seed in range(30)))
    assert [hit.item_id for hit in searching.hits(make_garment(4), min_score=0.9)] == ["SKU-4"]
    assert searching.hits(make_garment(999), min_score=0.9) == []


def test_filters_exclude_seller_and_item_and_keep_categories(searching: Searching) -> None:
    """An unknown seller or item excludes nobody."""
    garment = make_garment(1)
    vest = make_garment(2, Category.VEST, embeddings=garment.embeddings)
    searching.add(
        make_new_photo(1, item_id="A", garments=(garment,), details=ItemDetails(seller_id="s1")),
        make_new_photo(2, item_id="B", garments=(garment,)),
        make_new_photo(3, item_id="C", garments=(vest,), details=ItemDetails(seller_id="s2")),
    )

    def found(filters: Filters) -> list[str]:
        return [hit.item_id for hit in searching.hits(garment, filters=filters)]

    assert found(Filters(exclude_seller_id="s1")) == ["B", "C"]
    assert found(Filters(exclude_item_id="B")) == ["A", "C"]
    assert found(Filters(categories=frozenset({Category.VEST}))) == ["C"]
    assert found(Filters(exclude_seller_id="nobody", exclude_item_id="nothing")) == ["A", "B", "C"]


def test_only_what_was_published_before_answers(searching: Searching) -> None:
    """Strictly before; what does not say when is left out; without the filter all answer."""
    garment = make_garment(1)
    for name, day in (("A", 1), ("B", 2), ("C", None)):
        moment = None if day is None else datetime(2026, 1, day, tzinfo=UTC)
        searching.add(make_new_photo(1, name, (garment,), details=ItemDetails(published_at=moment)))

    def found(filters: Filters) -> list[str]:
        return [hit.item_id for hit in searching.hits(garment, filters=filters)]

    assert found(Filters(published_before=datetime(2026, 1, 2, tzinfo=UTC))) == ["A"]
    assert found(Filters(published_before=datetime(2026, 1, 2, 0, 0, 0, 1, tzinfo=UTC))) == ["A", "B"]
    assert found(Filters()) == ["A", "B", "C"]
    with pytest.raises(InvalidQuery):
        Filters(published_before=datetime(2026, 1, 2))


def test_a_disabled_item_does_not_answer(searching: Searching) -> None:
    """Until the moment that was said; one in the past disables nothing."""
    garment = make_garment(1)
    now = datetime.now(UTC)
    for name, days in (("GONE", 1), ("BACK", -1)):
        details = ItemDetails(disabled_until=now + timedelta(days=days))
        searching.add(make_new_photo(1, name, (garment,), details=details))
    assert [hit.item_id for hit in searching.hits(garment)] == ["BACK"]
    searching.catalogue.patch("GONE", ItemDetails(disabled_until=now))
    searching.live.catch_up()
    assert [hit.item_id for hit in searching.hits(garment)] == ["BACK", "GONE"]


def test_a_tenant_never_finds_what_is_anothers(searching: Searching) -> None:
    """Not by likeness, and an excluded item of the same name is the tenant's own."""
    garment = make_garment(1)
    for tenant in ("A", "B"):
        searching.add(make_new_photo(1, garments=(garment,), details=ItemDetails(title=tenant), tenant=tenant))
    searching.add(make_new_photo(2, "OTHER", (garment,), tenant="A"))

    def found(filters: Filters) -> list[tuple[str, str | None]]:
        return [(hit.item_id, hit.details.title) for hit in searching.hits(garment, filters=filters)]

    assert found(Filters(tenant="A")) == [("OTHER", None), ("SKU-1", "A")]
    assert found(Filters(tenant="A", exclude_item_id="SKU-1")) == [("OTHER", None)]
    assert found(Filters(tenant="B", exclude_item_id="OTHER")) == [("SKU-1", "B")]
    assert found(Filters()) == found(Filters(tenant="C")) == []


def test_only_the_design_of_a_photo_is_searched(searching: Searching) -> None:
    """The other garments are kept but never answer."""
    searching.add(make_new_photo(1, garments=(make_garment(1), make_garment(2)), design=0))
    assert searching.hits(make_garment(2), min_score=0.9) == []
    assert len(searching.hits(make_garment(1), min_score=0.9)) == 1


def test_other_models_are_never_compared(searching: Searching) -> None:
    """Neither rows in the record nor a query."""
    searching.add(make_new_photo(1, models_version="older"), make_new_photo(2))
    assert [hit.item_id for hit in searching.hits(make_garment(1))] == ["SKU-2"]
    with pytest.raises(EmbeddingMismatch):
        searching.hits(make_garment(1), models_version="older")


def test_searching_before_loading_is_refused(searching: Searching) -> None:
    """An index that is not loaded would answer that nothing was copied."""
    assert not searching.live.ready
    assert searching.live.stale
    with pytest.raises(IndexUnavailable):
        searching.hits(make_garment(1))


def test_the_live_index_knows_when_it_is_behind(searching: Searching) -> None:
    """A change by another process makes it stale until it catches up."""
    searching.add(make_new_photo(1))
    assert (searching.live.stale, searching.live.sequence) == (False, 1)
    searching.catalogue.add(make_new_photo(2))
    assert (searching.live.stale, searching.live.sequence, len(searching.live)) == (True, 1, 1)
    searching.live.catch_up()
    assert (searching.live.stale, searching.live.sequence, len(searching.live)) == (False, 2, 2)


@pytest.mark.parametrize("engine", [InMemoryVectors, lambda: Shards(2)], ids=["in_memory", "shards"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    masks=st.lists(st.sampled_from([31, 31, 7, 23, 15, 4, 0]), max_size=12),
    query_mask=st.sampled_from([31, 7, 15]),
    seed=st.integers(0, 1000),
    top_k=st.integers(1, 8),
)
def test_hits_are_those_of_the_plain_definition(
    engine: Callable[[], VectorIndex],
    tmp_path_factory: pytest.TempPathFactory,
    masks: list[int],
    query_mask: int,
    seed: int,
    top_k: int,
) -> None:
    """0, 1 or several items with any regions missing: the same items, scores and order as by the paper's sum."""
    searching = Searching(tmp_path_factory.mktemp("record"), engine())
    seen = [make_garment(seed + n, mask=mask, dimension=8) for n, mask in enumerate(masks)]
    searching.add(*(make_new_photo(n, garments=(garment,)) for n, garment in enumerate(seen)))
    query = make_query(make_garment(seed + 50, mask=query_mask, dimension=8), make_weights(seed), top_k=top_k)
    hits = find_hits(query, searching.live, searching.catalogue)
    searching.close()
    expected = {
        f"SKU-{n}": score for n, garment in enumerate(seen) if (score := plain_score(query, garment)) is not None
    }
    ranked = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))[:top_k]
    assert [(hit.item_id, hit.score) for hit in hits] == ranked


def test_a_garment_that_looks_alike_both_ways_round_is_not_called_mirrored(searching: Searching) -> None:
    """A hair's difference in S is no flip; a clear one is."""
    registered = make_garment(5)
    searching.add(make_new_photo(1, garments=(registered,)))
    nearly = alter_regions(registered.embeddings, (), seed=3, noise=0.005)
    for ours, mirrored in ((nearly, False), (make_embeddings(77), True)):
        query = make_query(make_garment(5, embeddings=ours, mirrored=registered.embeddings))
        (hit,) = find_hits(query, searching.live, searching.catalogue)
        assert hit.mirrored is mirrored


def plain_score(query: Query, garment: DescribedGarment) -> float | None:
    """S of the better orientation, upright unless the other is clearly better, written as product.md does; None where
    too little weight is shared."""
    scores = []
    for ours in (query.embeddings, query.mirrored):
        shared = ours.visible & garment.embeddings.visible
        weight = query.weights.values[shared].sum()
        if weight > 0 and weight >= query.least_weight:
            scores.append(weighted_score(region_cosines(ours, garment.embeddings), query.weights))
    if len(scores) == 2 and not seen_mirrored(*scores):
        return scores[0]
    return scores[-1] if scores else None
