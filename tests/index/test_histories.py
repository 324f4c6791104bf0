"""Random histories against a plain dict: add, view, replace, patch, delete, restart, search, in any order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.errors import ItemNotFound
from index.registry import Registry
from index.types import Filters, ItemDetails, NewPhoto
from models.scoring import region_cosines, weighted_score
from models.types import DescribedGarment
from models.weighting import RegionWeights
from tests.factories import MODELS_VERSION, make_garment, make_new_photo, make_photo_bytes, make_query, make_weights

ITEMS = st.sampled_from(["A", "B", "C", "D"])
PHOTOS = st.integers(0, 7)
SELLERS = st.sampled_from(["s1", "s2", None])
MASKS = (31, 31, 7, 15, 23, 31, 4, 31)


def garment_of(photo: int) -> DescribedGarment:
    return make_garment(photo, mask=MASKS[photo], dimension=8)


@dataclass
class PlainItem:
    """What the dict remembers: photos in order, the seller."""

    photos: list[int] = field(default_factory=list)
    seller: str | None = None


class Histories(RuleBasedStateMachine):
    """Every step is done to a registry on disk and to a dict."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="selvedge-"))
        self.plain: dict[str, PlainItem] = {}
        self.open()

    def open(self) -> None:
        self.registry = Registry(f"sqlite:///{self.folder}/record.db", self.folder, MODELS_VERSION)
        self.registry.start()

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.registry.close()
            shutil.rmtree(self.folder)

    @rule(item_id=ITEMS, photo=PHOTOS, seller=SELLERS, replace=st.booleans())
    def add(self, item_id: str, photo: int, seller: str | None, replace: bool) -> None:
        new: NewPhoto = make_new_photo(
            photo, item_id, (garment_of(photo),), details=ItemDetails(seller_id=seller), replace=replace
        )
        added = self.registry.add(new, make_photo_bytes(photo))
        plain = self.plain.setdefault(item_id, PlainItem())
        assert added.created == (photo not in plain.photos)
        if replace:
            plain.photos = [photo]
        elif photo not in plain.photos:
            plain.photos.append(photo)
        plain.seller = seller or plain.seller

    @rule(item_id=ITEMS, seller=SELLERS)
    def patch(self, item_id: str, seller: str | None) -> None:
        try:
            self.registry.patch(item_id, ItemDetails(seller_id=seller))
            self.plain[item_id].seller = seller or self.plain[item_id].seller
        except ItemNotFound:
            assert item_id not in self.plain

    @rule(item_id=ITEMS)
    def delete(self, item_id: str) -> None:
        try:
            self.registry.delete(item_id)
            del self.plain[item_id]
        except ItemNotFound:
            assert item_id not in self.plain

    @rule()
    def restart(self) -> None:
        self.registry.close()
        self.open()

    @rule(seed=st.integers(0, 50), photo=PHOTOS, top_k=st.integers(1, 5), seller=SELLERS)
    def search(self, seed: int, photo: int, top_k: int, seller: str | None) -> None:
        weights = make_weights(seed)
        filters = Filters(exclude_seller_id=seller)
        query = make_query(garment_of(photo), weights, top_k=top_k, filters=filters)
        expected = {
            item_id: score
            for item_id, plain in self.plain.items()
            if seller is None or plain.seller != seller
            if (score := best_score(garment_of(photo), plain, weights)) is not None
        }
        ranked = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))[:top_k]
        assert [(hit.item_id, hit.score) for hit in self.registry.search(query)] == ranked

    @invariant()
    def record_and_photos_agree(self) -> None:
        if not hasattr(self, "registry"):
            return
        held = {
            item.item_id: (
                [self.registry.photo_bytes(item.item_id, photo.photo_id) for photo in item.photos],
                item.details.seller_id,
            )
            for item in self.registry.list().items
        }
        assert held == {
            item_id: ([make_photo_bytes(photo) for photo in plain.photos], plain.seller)
            for item_id, plain in self.plain.items()
        }
        files = [path for path in (self.folder / "photos").rglob("*") if path.is_file()]
        assert len(files) == len({photo for plain in self.plain.values() for photo in plain.photos})
        stats = self.registry.stats()
        assert stats.searchable == sum(len(plain.photos) for plain in self.plain.values())
        assert not stats.stale


def best_score(garment: DescribedGarment, plain: PlainItem, weights: RegionWeights) -> float | None:
    """The best S of an item's photos in either orientation, where at least 0.35 of the weight is shared."""
    scores = []
    for theirs in (garment_of(photo).embeddings for photo in plain.photos):
        for ours in (garment.embeddings, garment.mirrored):
            weight = weights.values[ours.visible & theirs.visible].sum()
            if weight >= 0.35:
                scores.append(weighted_score(region_cosines(ours, theirs), weights))
    return max(scores, default=None)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
