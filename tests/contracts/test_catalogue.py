"""What every record must do; run against SQLite and a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, InvalidQuery, ItemNotFound
from index.generations import Description
from index.labels import NEVER, NOT_DISABLED, microseconds, seller_key, tenant_key
from index.types import ItemDetails, ItemFilters
from models.taxonomy import Category, WeightGroup
from tests.factories import MODELS_VERSION, make_garment, make_new_photo


@pytest.fixture
def catalogue(record_url: str) -> Iterator[Catalogue]:
    opened = Catalogue(record_url)
    yield opened
    opened.close()


def test_an_added_photo_is_there_as_it_was_described(catalogue: Catalogue) -> None:
    """Item, photo and garment, the design marked."""
    photo = make_new_photo(1, garments=(make_garment(1), make_garment(2)), design=1)
    added = catalogue.add(photo)
    item = catalogue.get("SKU-1")
    assert (added.item_id, added.created, added.sequence) == ("SKU-1", True, 1)
    assert [held.photo_id for held in item.photos] == [added.photo_id]
    assert (item.photos[0].sha256, item.photos[0].models_version) == (photo.sha256, MODELS_VERSION)
    assert [garment.is_design for garment in item.photos[0].garments] == [False, True]
    np.testing.assert_array_equal(
        item.photos[0].garments[1].described.embeddings.vectors, photo.garments[1].embeddings.vectors
    )


def test_the_same_photo_again_changes_nothing(catalogue: Catalogue) -> None:
    """Neither the item nor the sequence."""
    first = catalogue.add(make_new_photo(1))
    before = catalogue.get("SKU-1").updated_at
    again = catalogue.add(make_new_photo(1))
    assert (again.created, again.photo_id, again.sequence) == (False, first.photo_id, first.sequence)
    assert catalogue.get("SKU-1").updated_at == before
    assert catalogue.counts().photos == 1


def test_the_same_photo_with_new_details_merges_them(catalogue: Catalogue) -> None:
    """As a patch does: what is not said stays."""
    catalogue.add(make_new_photo(1, details=ItemDetails(seller_id="s1", title="Shirt", metadata={"a": 1, "b": 2})))
    again = catalogue.add(make_new_photo(1, details=ItemDetails(title="Blue shirt", metadata={"b": 3})))
    details = catalogue.get("SKU-1").details
    assert (again.created, again.sequence) == (False, 2)
    assert (details.seller_id, details.title, details.metadata) == ("s1", "Blue shirt", {"a": 1, "b": 3})


def test_another_photo_adds_a_view(catalogue: Catalogue) -> None:
    """In the order in which they came."""
    first = catalogue.add(make_new_photo(1))
    second = catalogue.add(make_new_photo(2, item_id="SKU-1"))
    assert [photo.photo_id for photo in catalogue.get("SKU-1").photos] == [first.photo_id, second.photo_id]


def test_replace_puts_the_photo_in_place_of_all(catalogue: Catalogue) -> None:
    """Others go, details stay."""
    catalogue.add(make_new_photo(1, details=ItemDetails(title="Shirt")))
    catalogue.add(make_new_photo(2, item_id="SKU-1"))
    added = catalogue.add(make_new_photo(3, item_id="SKU-1", replace=True))
    item = catalogue.get("SKU-1")
    assert added.created
    assert ([photo.photo_id for photo in item.photos], item.details.title) == ([added.photo_id], "Shirt")
    assert catalogue.counts().garments == 1


def test_replacing_by_a_view_that_is_there_keeps_that_view_alone(catalogue: Catalogue) -> None:
    """And once it is alone, replacing by it again changes nothing."""
    catalogue.add(make_new_photo(1))
    catalogue.add(make_new_photo(2, item_id="SKU-1"))
    kept = catalogue.add(make_new_photo(1, replace=True))
    assert (kept.created, len(catalogue.get("SKU-1").photos)) == (False, 1)
    assert catalogue.add(make_new_photo(1, replace=True)).sequence == kept.sequence


def test_replacing_can_choose_another_garment_of_the_same_photo(catalogue: Catalogue) -> None:
    """The caller says which category is the design."""
    garments = (make_garment(1), make_garment(2, Category.TROUSERS))
    catalogue.add(make_new_photo(1, garments=garments, design=0))
    catalogue.add(make_new_photo(1, garments=garments, design=1, replace=True))
    assert [garment.is_design for garment in catalogue.get("SKU-1").photos[0].garments] == [False, True]


def test_a_photo_that_other_models_described_is_described_beside_that(catalogue: Catalogue) -> None:
    """Adding it again after an upgrade makes it searchable again; added by either, nothing changes then."""
    older = make_new_photo(1, models_version="older", dimension=64)
    catalogue.add(older)
    added = catalogue.add(make_new_photo(1))
    assert (added.created, added.sequence) == (False, 2)
    assert catalogue.counts().designs == {MODELS_VERSION: 1, "older": 1}
    assert catalogue.counts().categories == {Category.SHORT_SLEEVE_TOP: 1}
    for again in (make_new_photo(1), older):
        assert (catalogue.add(again).created, catalogue.last_sequence()) == (False, 2)
    item = catalogue.get("SKU-1")
    assert [(photo.models_version, len(photo.garments)) for photo in item.photos] == [("older", 1)]


def test_replacing_by_a_photo_that_other_models_described_keeps_what_they_said(catalogue: Catalogue) -> None:
    """And forgets the others."""
    catalogue.add(make_new_photo(1, models_version="older"))
    catalogue.add(make_new_photo(2, item_id="SKU-1", models_version="older"))
    assert not catalogue.add(make_new_photo(1, replace=True)).created
    assert catalogue.counts().designs == {MODELS_VERSION: 1, "older": 1}
    assert len(catalogue.get("SKU-1").photos) == 1


def test_photos_are_described_by_other_models_beside_the_first(catalogue: Catalogue) -> None:
    """Once each, whatever became of them meanwhile, also where nothing was seen; nobody changed the items."""
    for seed in range(4):
        catalogue.add(make_new_photo(seed, tenant="AB"[seed % 2], category=Category.VEST))
    before = catalogue.get("SKU-0", "A")
    waiting = catalogue.undescribed("newer", 0, 10)
    assert [(photo.item_id, photo.tenant, photo.category) for photo in waiting] == [
        (f"SKU-{seed}", "AB"[seed % 2], Category.VEST) for seed in range(4)
    ]
    assert [photo.number for photo in catalogue.undescribed("newer", waiting[1].number, 1)] == [waiting[2].number]
    assert [catalogue.count_undescribed("newer", tenant) for tenant in (None, "A", "B", "C")] == [4, 2, 2, 0]
    catalogue.delete("SKU-3", "B")
    described = [Description(photo.number, (make_garment(n, dimension=64),), 0) for n, photo in enumerate(waiting)]
    described[2] = Description(waiting[2].number, (), 0)
    assert catalogue.describe("newer", described) == 3
    assert catalogue.describe("newer", described) == 0
    assert (catalogue.count_undescribed("newer"), catalogue.undescribed("newer", 0, 10)) == (0, ())
    assert catalogue.counts().designs == {MODELS_VERSION: 3, "newer": 2}
    assert [change.kind for change in catalogue.changes_since(5)] == ["described"] * 3
    assert catalogue.get("SKU-0", "A").updated_at == before.updated_at


def test_what_other_models_saw_is_dropped_once_it_is_not_served_any_more(catalogue: Catalogue) -> None:
    """Only of photos that these models have described."""
    for seed in range(3):
        catalogue.add(make_new_photo(seed))
    one, two, _ = catalogue.undescribed("newer", 0, 10)
    catalogue.describe("newer", [Description(one.number, (make_garment(1),), 0), Description(two.number, (), 0)])
    catalogue.add(make_new_photo(7, models_version="newer"))
    assert (catalogue.drop_other_descriptions("newer"), catalogue.drop_other_descriptions("newer")) == (2, 0)
    assert catalogue.counts().designs == {MODELS_VERSION: 1, "newer": 2}
    assert [(photo.models_version, len(photo.garments)) for photo in catalogue.get("SKU-0").photos] == [("newer", 1)]
    assert [(photo.models_version, len(photo.garments)) for photo in catalogue.get("SKU-1").photos] == [("newer", 0)]
    assert catalogue.count_undescribed("newer") == 1


def test_one_models_version_has_one_dimension(catalogue: Catalogue) -> None:
    """Vectors of another length are refused before anything is written."""
    catalogue.add(make_new_photo(1))
    with pytest.raises(EmbeddingMismatch):
        catalogue.add(make_new_photo(2, dimension=64))
    with pytest.raises(ItemNotFound):
        catalogue.get("SKU-2")


def test_a_patch_changes_what_it_says(catalogue: Catalogue) -> None:
    """Nested metadata merges, null removes (RFC 7396)."""
    catalogue.add(make_new_photo(1, details=ItemDetails(seller_id="s1", metadata={"size": {"eu": 40, "us": 10}})))
    item = catalogue.patch("SKU-1", ItemDetails(title="Coat", metadata={"size": {"us": None, "uk": 8}}))
    assert (item.details.seller_id, item.details.title) == ("s1", "Coat")
    assert item.details.metadata == {"size": {"eu": 40, "uk": 8}}
    assert item.details == catalogue.get("SKU-1").details


def test_a_moment_keeps_its_instant(catalogue: Catalogue) -> None:
    """Whatever its time zone; without one it is refused and nothing is written."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    catalogue.add(make_new_photo(1, details=ItemDetails(published_at=moment)))
    assert catalogue.get("SKU-1").details.published_at == moment
    naive = moment.replace(tzinfo=None)
    with pytest.raises(InvalidQuery):
        catalogue.add(make_new_photo(2, details=ItemDetails(published_at=naive)))
    assert catalogue.counts().items == 1


@pytest.mark.parametrize(
    "details",
    [
        ItemDetails(title="half \ud83d"),
        ItemDetails(metadata={"size": float("nan")}),
        ItemDetails(metadata={"when": datetime(2026, 1, 2, tzinfo=UTC)}),
        ItemDetails(metadata=json.loads('{"a":[' * 17 + "]}" * 17)),
        ItemDetails(disabled_until=datetime(2026, 1, 2)),
    ],
    ids=["half a character", "not a number", "not JSON", "too deep", "no time zone"],
)
def test_details_that_cannot_be_kept_are_the_callers_mistake(catalogue: Catalogue, details: ItemDetails) -> None:
    """Refused, and the item stays as it was."""
    catalogue.add(make_new_photo(1, details=ItemDetails(title="Shirt")))
    with pytest.raises(InvalidQuery):
        catalogue.patch("SKU-1", details)
    assert catalogue.get("SKU-1").details == ItemDetails(title="Shirt")


def test_a_deleted_item_is_gone(catalogue: Catalogue) -> None:
    """With photos and garments, and only once."""
    catalogue.add(make_new_photo(1))
    catalogue.delete("SKU-1")
    counts = catalogue.counts()
    assert (counts.items, counts.photos, counts.garments) == (0, 0, 0)
    for call in (catalogue.get, catalogue.delete, lambda item_id: catalogue.patch(item_id, ItemDetails())):
        with pytest.raises(ItemNotFound):
            call("SKU-1")


def test_a_deleted_item_never_lends_its_number(catalogue: Catalogue) -> None:
    """So that what is remembered of it cannot be taken for its successor."""
    catalogue.add(make_new_photo(1))
    before = catalogue.number_of("SKU-1")
    catalogue.delete("SKU-1")
    catalogue.add(make_new_photo(1))
    assert catalogue.number_of("SKU-1") != before


def test_the_change_log_tells_what_happened_in_order(catalogue: Catalogue) -> None:
    """One line a change, and none where nothing changed."""
    catalogue.add(make_new_photo(1))
    catalogue.add(make_new_photo(1))
    catalogue.patch("SKU-1", ItemDetails(title="Shirt"))
    catalogue.patch("SKU-1", ItemDetails(title="Shirt"))
    catalogue.add(make_new_photo(2, item_id="SKU-1", replace=True))
    catalogue.delete("SKU-1")
    changes = catalogue.changes_since(0)
    assert [change.kind for change in changes] == ["added", "patched", "replaced", "deleted"]
    assert [change.sequence for change in changes] == [1, 2, 3, 4]
    assert changes[0].at <= changes[-1].at <= datetime.now(UTC)
    assert catalogue.changes_since(1, limit=2) == changes[1:3]
    assert catalogue.last_sequence() == 4


def test_changed_items_come_with_all_their_designs(catalogue: Catalogue) -> None:
    """Of the models asked for; a deleted item has none."""
    catalogue.add(make_new_photo(1, details=ItemDetails(seller_id="s1")))
    catalogue.add(make_new_photo(2))
    catalogue.add(make_new_photo(3, item_id="SKU-1", garments=(make_garment(3), make_garment(4)), design=1))
    catalogue.delete("SKU-2")
    changed = catalogue.changed_since(0, MODELS_VERSION)
    assert changed is not None
    assert (changed.sequence, len(changed.item_numbers), len(changed.designs)) == (4, 2, 2)
    assert set(changed.designs.labels.seller_keys) == {seller_key("s1")}
    np.testing.assert_array_equal(changed.designs.vectors[1], make_garment(4).embeddings.vectors)
    assert catalogue.changed_since(4, MODELS_VERSION) is None
    other = catalogue.changed_since(0, "other models")
    assert other is not None
    assert len(other.designs) == 0


def test_listing_pages_through_every_item_once(catalogue: Catalogue) -> None:
    """In the order in which they were first added."""
    for seed in range(7):
        catalogue.add(make_new_photo(seed))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = catalogue.list(cursor, limit=3)
        seen += [item.item_id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"SKU-{seed}" for seed in range(7)]


def test_listing_filters_by_seller_category_and_group(catalogue: Catalogue) -> None:
    """Alone and together."""
    catalogue.add(make_new_photo(1, details=ItemDetails(seller_id="s1")))
    catalogue.add(make_new_photo(2, category=Category.VEST))
    catalogue.add(make_new_photo(3, details=ItemDetails(seller_id="s1"), category=Category.SKIRT))

    def listed(filters: ItemFilters) -> list[str]:
        return [item.item_id for item in catalogue.list(filters=filters).items]

    assert listed(ItemFilters(seller_id="s1")) == ["SKU-1", "SKU-3"]
    assert listed(ItemFilters(category=Category.VEST)) == ["SKU-2"]
    assert listed(ItemFilters(group=WeightGroup.T_SHIRT)) == ["SKU-1", "SKU-2"]
    assert listed(ItemFilters(seller_id="s1", group=WeightGroup.T_SHIRT)) == ["SKU-1"]
    assert listed(ItemFilters(category=Category.VEST, group=WeightGroup.DRESS)) == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1 OR 1", "²", "9" * 30])
def test_a_cursor_that_is_not_ours_is_refused(catalogue: Catalogue, cursor: str) -> None:
    """As the caller's mistake."""
    with pytest.raises(InvalidQuery):
        catalogue.list(cursor)


def test_photo_hashes_say_which_bytes_are_needed(catalogue: Catalogue) -> None:
    """Of one item and of all; the same bytes may serve two items."""
    one = make_new_photo(1)
    catalogue.add(one)
    catalogue.add(make_new_photo(9, item_id="SKU-9", photo_seed=1))
    catalogue.add(make_new_photo(2))
    assert catalogue.photo_hashes("SKU-9") == {one.sha256}
    assert len(catalogue.photo_hashes()) == 2
    catalogue.delete("SKU-1")
    assert catalogue.refers_to(one.sha256)
    catalogue.delete("SKU-9")
    assert not catalogue.refers_to(one.sha256)


def test_counts_tell_designs_by_version_and_category(catalogue: Catalogue) -> None:
    """Garments that are not searched are counted as garments only."""
    catalogue.add(make_new_photo(1, garments=(make_garment(1), make_garment(2, Category.SKIRT))))
    catalogue.add(make_new_photo(2, models_version="older", category=Category.VEST))
    counts = catalogue.counts()
    assert (counts.items, counts.photos, counts.garments) == (2, 2, 3)
    assert counts.designs == {MODELS_VERSION: 1, "older": 1}
    assert counts.categories == {Category.SHORT_SLEEVE_TOP: 1, Category.VEST: 1}


def test_adds_of_many_threads_are_each_counted_once(catalogue: Catalogue) -> None:
    """Different photos and the same photo at once: one line of the log for each that is new."""
    photos = [make_new_photo(seed, item_id=f"SKU-{seed % 3}", photo_seed=seed % 12) for seed in range(48)]
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(catalogue.add, photos))
    assert sum(one.created for one in added) == catalogue.counts().photos == 12
    assert sorted(one.sequence for one in added if one.created) == list(range(1, 13))


def test_no_number_is_lent_twice(catalogue: Catalogue) -> None:
    """The latest of all deleted, the next one gets another: an index elsewhere may still hold the former."""
    seen: set[int] = set()
    for seed in range(4):
        photos = [make_new_photo(seed, item_id=f"SKU-{seed}-{n}", photo_seed=10 * seed + n) for n in range(3)]
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(catalogue.add, photos))
        catalogue.add(make_new_photo(seed, item_id=f"SKU-{seed}-0", photo_seed=10 * seed + 9))
        held = [catalogue.get(f"SKU-{seed}-{n}") for n in range(3)]
        numbers = [catalogue.number_of(item.item_id) for item in held]
        garments = {garment.garment_id for item in held for photo in item.photos for garment in photo.garments}
        assert len(set(numbers)) == 3
        assert (len(garments), seen & garments) == (4, set())
        seen |= garments
        for item in held:
            catalogue.delete(item.item_id)


def test_adds_of_two_processes_wait_for_each_other(catalogue: Catalogue, record_url: str) -> None:
    """Each with connections of its own; none fails, none is lost."""
    other = Catalogue(record_url)
    with ThreadPoolExecutor(2) as threads:
        added = [threads.submit((catalogue, other)[seed % 2].add, make_new_photo(seed)).result for seed in range(40)]
        assert all(result().created for result in added)
    other.close()
    assert (catalogue.counts().items, catalogue.last_sequence()) == (40, 40)


def test_the_record_outlives_its_process(catalogue: Catalogue, record_url: str) -> None:
    """Opened again it holds the same."""
    catalogue.add(make_new_photo(1, details=ItemDetails(title="Shirt", metadata={"é": [1, None]})))
    before = catalogue.get("SKU-1").details
    catalogue.close()
    again = Catalogue(record_url)
    assert again.get("SKU-1").details == before
    again.close()


def test_tenants_never_meet(catalogue: Catalogue) -> None:
    """The same item id is another item for another tenant, in every question and every change."""
    ours = catalogue.add(make_new_photo(1, details=ItemDetails(title="Ours")))
    theirs = catalogue.add(make_new_photo(1, details=ItemDetails(title="Theirs"), tenant="B"))
    catalogue.add(make_new_photo(2, tenant="B"))
    assert (ours.created, theirs.created) == (True, True)
    assert catalogue.number_of("SKU-1") != catalogue.number_of("SKU-1", "B")
    assert (catalogue.get("SKU-1").details.title, catalogue.get("SKU-1", "B").details.title) == ("Ours", "Theirs")
    assert (catalogue.get("SKU-1").tenant, catalogue.get("SKU-1", "B").tenant) == ("default", "B")
    assert [item.item_id for item in catalogue.list().items] == ["SKU-1"]
    assert [item.item_id for item in catalogue.list(filters=ItemFilters(tenant="B")).items] == ["SKU-1", "SKU-2"]
    assert catalogue.list(filters=ItemFilters(tenant="C")).items == ()
    for call in (catalogue.get, catalogue.delete, lambda item_id: catalogue.patch(item_id, ItemDetails(title="Taken"))):
        with pytest.raises(ItemNotFound):
            call("SKU-2")
    assert (catalogue.photo_hash("SKU-2", "x"), catalogue.photo_hashes("SKU-2")) == (None, frozenset())
    assert [change.tenant for change in catalogue.changes_since(0)] == ["default", "B", "B"]
    catalogue.delete("SKU-1", "B")
    assert catalogue.get("SKU-1").details.title == "Ours"


def test_counts_are_of_one_tenant_or_of_all(catalogue: Catalogue) -> None:
    """A tenant's counts tell nothing of the others."""
    for seed, tenant in ((1, "A"), (2, "A"), (3, "B")):
        catalogue.add(make_new_photo(seed, tenant=tenant, garments=(make_garment(seed), make_garment(seed + 50))))
    found = {tenant: catalogue.counts(tenant) for tenant in ("A", "B", "C", None)}
    assert {tenant: counts.items for tenant, counts in found.items()} == {"A": 2, "B": 1, "C": 0, None: 3}
    assert {tenant: counts.garments for tenant, counts in found.items()} == {"A": 4, "B": 2, "C": 0, None: 6}
    assert found["A"].designs == {MODELS_VERSION: 2}
    assert found["C"].categories == {}


def test_garments_are_found_for_their_own_tenant_only(catalogue: Catalogue) -> None:
    """Even by their numbers."""
    catalogue.add(make_new_photo(1, tenant="A"))
    garment = catalogue.get("SKU-1", "A").photos[0].garments[0].garment_id
    assert set(catalogue.find([garment], "A")) == {garment}
    assert catalogue.find([garment], "B") == catalogue.find([garment]) == {}


def test_designs_carry_what_searches_filter_by(catalogue: Catalogue) -> None:
    """Tenant, seller, publication and the end of being disabled, or that they were never said."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    said = ItemDetails(seller_id="s1", published_at=moment, disabled_until=moment + timedelta(days=1))
    catalogue.add(make_new_photo(1, details=said, tenant="A"))
    catalogue.add(make_new_photo(2))
    labels = next(iter(catalogue.designs(MODELS_VERSION)))[1].labels
    assert labels.tenant_keys.tolist() == [tenant_key("A"), tenant_key("default")]
    assert labels.published.tolist() == [microseconds(moment), NEVER]
    assert labels.disabled_until.tolist() == [microseconds(moment) + 86_400_000_000, NOT_DISABLED]
    assert catalogue.get("SKU-1", "A").details == said


def test_one_write_of_several_at_once_may_fail_alone(catalogue: Catalogue) -> None:
    """They share a transaction; a mistake undoes the write that made it and no other."""

    def write(seed: int) -> str:
        try:
            catalogue.add(make_new_photo(seed, dimension=64 if seed % 4 == 3 else 128))
        except EmbeddingMismatch:
            return "refused"
        return "added"

    catalogue.add(make_new_photo(1000))
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(write, range(64)))
    assert [answer == "refused" for answer in answers] == [seed % 4 == 3 for seed in range(64)]
    assert catalogue.counts().items == 1 + answers.count("added")
    assert len(catalogue.changes_since(0)) == 1 + answers.count("added")


def test_a_reader_of_the_log_misses_nothing_while_others_write(catalogue: Catalogue, record_url: str) -> None:
    """Numbers are committed in order, whoever writes: what was passed by is never filled in later."""
    other = Catalogue(record_url)
    seen: list[int] = []
    with ThreadPoolExecutor(8) as threads:
        writes = [threads.submit((catalogue, other)[seed % 2].add, make_new_photo(seed)) for seed in range(60)]
        while not all(write.done() for write in writes):
            seen += [change.sequence for change in catalogue.changes_since(seen[-1] if seen else 0)]
    seen += [change.sequence for change in catalogue.changes_since(seen[-1] if seen else 0)]
    other.close()
    assert seen == [change.sequence for change in catalogue.changes_since(0)]
    assert len(seen) == 60
