"""Random histories against a plain dict: add, replace, patch, delete, snapshot, compact, restart, crash and search."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.errors import ItemNotFound
from index.registry import Registry
from index.sealing import sealing
from index.segments import QuantisedRows, SealedRows
from index.shards import Shards
from index.types import Filters, ItemDetails, ItemFilters, NewPhoto, Storage
from index.verification import tombstones
from models.scoring import region_cosines, seen_mirrored, weighted_score
from models.types import DescribedGarment
from models.weighting import RegionWeights
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query, make_weights

ITEMS = st.sampled_from(["A", "B", "C", "D"])
PHOTOS = st.integers(0, 7)
SELLERS = st.sampled_from(["s1", "s2", None])
TENANTS = st.sampled_from(["default", "B"])
FUTURE, PAST = datetime(2126, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
MASKS = (31, 31, 7, 15, 23, 31, 4, 31)
STOCK = (("C", 5), ("A", 0), ("A", 1), ("B", 1), ("B", 5), ("B", 7), ("D", 0))
"""All of one mask: six rows sealed and merged, and a loose one; C is few enough of them to become a tombstone."""
SMALL = {"index.shards.LOOSE_ROWS": 2, "index.snapshot.LOOSE_ROWS": 2, "index.shards.SEGMENT_ROWS": 6,
         "index.shards.PARALLEL_ROWS": 4}  # fmt: skip


def garment_of(photo: int) -> DescribedGarment:
    return make_garment(photo, mask=MASKS[photo], dimension=8)


@dataclass
class PlainItem:
    """What the dict remembers: photos in order, the seller, whether it is disabled."""

    photos: list[int] = field(default_factory=list)
    seller: str | None = None
    disabled: bool = False


class Histories(RuleBasedStateMachine):
    """Every step is done to a registry on disk, whose segments hold only a few rows, and to a dict."""

    storage, rows = Storage.FP16, SealedRows

    @initialize(stocked=st.booleans())
    def begin(self, stocked: bool) -> None:
        """Of nothing, or of sealed rows, loose ones and a tombstone in a snapshot that is mapped."""
        self.patched = pytest.MonkeyPatch()
        for name, rows in SMALL.items():
            self.patched.setattr(name, rows)
        self.folder = Path(tempfile.mkdtemp(prefix="selvedge-"))
        self.plain: dict[tuple[str, str], PlainItem] = {}
        self.open()
        if stocked:
            for item_id, photo in STOCK:
                self.add(item_id, photo, None, False, "default")
            self.delete("C", "default")
            assert len(tombstones(self.shards)) == 1
            self.snapshot()
            self.restart()
            assert len(tombstones(self.shards)) == 1
            assert self.rows in {type(block.rows) for _, block in self.shards.blocks()}

    def open(self) -> None:
        self.shards = Shards(2, sealing(self.storage))
        url = f"sqlite:///{self.folder}/record.db"
        self.registry = Registry(url, self.folder, MODELS_VERSION, vectors=self.shards)
        self.registry.start()

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.registry.close()
            shutil.rmtree(self.folder)
        if hasattr(self, "patched"):
            self.patched.undo()

    @rule(item_id=ITEMS, photo=PHOTOS, seller=SELLERS, replace=st.booleans(), tenant=TENANTS)
    def add(self, item_id: str, photo: int, seller: str | None, replace: bool, tenant: str) -> None:
        details = ItemDetails(seller_id=seller)
        new: NewPhoto = make_new_photo(
            photo, item_id, (garment_of(photo),), details=details, replace=replace, tenant=tenant
        )
        added = self.registry.add(new, make_photo_bytes(photo))
        plain = self.plain.setdefault((tenant, item_id), PlainItem())
        assert added.created == (photo not in plain.photos)
        if replace:
            plain.photos = [photo]
        elif photo not in plain.photos:
            plain.photos.append(photo)
        plain.seller = seller or plain.seller

    @rule(item_id=ITEMS, seller=SELLERS, tenant=TENANTS, disabled=st.booleans())
    def patch(self, item_id: str, seller: str | None, tenant: str, disabled: bool) -> None:
        try:
            details = ItemDetails(seller_id=seller, disabled_until=FUTURE if disabled else PAST)
            self.registry.patch(item_id, details, tenant)
            plain = self.plain[tenant, item_id]
            plain.seller, plain.disabled = seller or plain.seller, disabled
        except ItemNotFound:
            assert (tenant, item_id) not in self.plain

    @rule(item_id=ITEMS, tenant=TENANTS)
    def delete(self, item_id: str, tenant: str) -> None:
        try:
            self.registry.delete(item_id, tenant)
            del self.plain[tenant, item_id]
        except ItemNotFound:
            assert (tenant, item_id) not in self.plain

    @rule()
    def snapshot(self) -> None:
        self.registry._live.write_snapshot()

    @rule()
    def compact(self) -> None:
        """As `selvedge index compact` does."""
        self.shards.compact()
        assert len(tombstones(self.shards)) == 0
        self.registry._live.write_snapshot(kept=1)

    @rule()
    def crash(self) -> None:
        """What was acknowledged is on disk: a copy of the folder, taken while all is open, is as good as it."""
        copy = Path(tempfile.mkdtemp(prefix="selvedge-"))
        shutil.copytree(self.folder, copy, dirs_exist_ok=True)
        self.registry.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.open()

    @rule()
    def restart(self) -> None:
        self.registry.close()
        self.open()

    @rule(seed=st.integers(0, 50), photo=PHOTOS, top_k=st.integers(1, 5), seller=SELLERS, tenant=TENANTS)
    def search(self, seed: int, photo: int, top_k: int, seller: str | None, tenant: str) -> None:
        weights = make_weights(seed)
        filters = Filters(exclude_seller_id=seller, tenant=tenant)
        query = make_query(garment_of(photo), weights, top_k=top_k, filters=filters)
        expected = {
            item_id: score
            for (owner, item_id), plain in self.plain.items()
            if owner == tenant and not plain.disabled and (seller is None or plain.seller != seller)
            if (score := best_score(garment_of(photo), plain, weights)) is not None
        }
        ranked = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))[:top_k]
        assert [(hit.item_id, hit.score) for hit in self.registry.search(query)] == ranked

    @invariant()
    def record_and_photos_agree(self) -> None:
        if not hasattr(self, "registry"):
            return
        held = {
            (tenant, item.item_id): (
                [self.registry.photo_bytes(item.item_id, photo.photo_id, tenant) for photo in item.photos],
                item.details.seller_id,
            )
            for tenant in ("default", "B")
            for item in self.registry.list(filters=ItemFilters(tenant=tenant)).items
        }
        assert held == {
            key: ([make_photo_bytes(photo) for photo in plain.photos], plain.seller)
            for key, plain in self.plain.items()
        }
        files = [path for path in (self.folder / "photos").rglob("*") if path.is_file()]
        assert len(files) == len({photo for plain in self.plain.values() for photo in plain.photos})
        stats = self.registry.stats()
        assert stats.searchable == sum(len(plain.photos) for plain in self.plain.values())
        assert not stats.stale


def best_score(garment: DescribedGarment, plain: PlainItem, weights: RegionWeights) -> float | None:
    """The best S of an item's photos, where at least 0.35 of the weight is shared; each photo's in the upright
    orientation unless the other is clearly better."""
    best = None
    for theirs in (garment_of(photo).embeddings for photo in plain.photos):
        scores = []
        for ours in (garment.embeddings, garment.mirrored):
            weight = weights.values[ours.visible & theirs.visible].sum()
            if weight >= 0.35:
                scores.append(weighted_score(region_cosines(ours, theirs), weights))
        if len(scores) == 2 and not seen_mirrored(*scores):
            scores.pop()
        if scores and (best is None or scores[-1] > best):
            best = scores[-1]
    return best


class HistoriesOfEightBits(Histories):
    """The same where sealed rows are scanned by 8 bits a number."""

    storage, rows = Storage.SQ8, QuantisedRows


def drawn(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


TestHistories = Histories.TestCase
TestHistoriesOfEightBits = HistoriesOfEightBits.TestCase
TestHistories.settings, TestHistoriesOfEightBits.settings = drawn(10), drawn(4)
