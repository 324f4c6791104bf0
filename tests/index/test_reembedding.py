"""New models describe what is there beside the old ones; two generations are served, and never compared."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, ItemNotFound
from index.photos import PhotoFiles
from index.reembedding import PHOTOS_TOGETHER, Describe, fill_prints, reembed
from index.registry import Registry
from index.types import Filters
from models.errors import UndecodableImage
from models.taxonomy import Category
from models.types import DescribedGarment
from tests.factories import make_garment, make_new_photo, make_photo_bytes, make_query

OLD, NEW = "older models", "newer models"
DIMENSIONS = {OLD: 8, NEW: 12}
BLANK = 5
"""A photo in which the new models see nothing."""


def garment_of(photo: int, version: str) -> DescribedGarment:
    return make_garment(photo + (1000 if version == NEW else 0), dimension=DIMENSIONS[version])


def look(data: bytes, _category: Category | None) -> tuple[tuple[DescribedGarment, ...], int]:
    photo = int(data.split()[1].removesuffix(b"photo"))
    return ((), 0) if photo == BLANK else ((garment_of(photo, NEW),), 0)


def open_registry(folder: Path, version: str) -> Registry:
    registry = Registry(f"sqlite:///{folder}/record.db", folder, version, follow_every_s=600)
    registry.start()
    return registry


def add(registry: Registry, photo: int, item_id: str, version: str, replace: bool = False) -> bool:
    new = make_new_photo(photo, item_id, (garment_of(photo, version),), models_version=version, replace=replace)
    return registry.add(new, make_photo_bytes(photo)).created


def found(registry: Registry, photo: int, version: str) -> set[str]:
    query = make_query(garment_of(photo, version), min_score=0.9, models_version=version)
    return {hit.item_id for hit in registry.search(query)}


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Registry]:
    registry = open_registry(tmp_path, OLD)
    for photo in range(2 * PHOTOS_TOGETHER + 3):
        add(registry, photo, f"SKU-{photo}", OLD)
    yield registry
    registry.close()


def run(registry: Registry, describe: Describe = look, stop_after: int | None = None, skip_failed: bool = False) -> str:
    left = iter(range(10_000 if stop_after is None else stop_after))

    def tick() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    report = reembed(registry._catalogue, registry._photos, NEW, describe, tick, skip_failed)
    return f"{report.described} described, {report.unseen} unseen, {len(report.failed)} failed"


def test_photos_of_before_there_were_prints_get_theirs(tmp_path: Path) -> None:
    """All but two that cannot be read any more; begun again, nothing is left to do but those."""
    registry = open_registry(tmp_path, OLD)
    for photo in range(1, PHOTOS_TOGETHER + 4):
        add(registry, photo, f"SKU-{photo}", OLD)

    def print_of(data: bytes) -> bytes:
        if data == make_photo_bytes(2):
            raise UndecodableImage("cut short")
        return hashlib.sha256(data).digest()

    catalogue, photos = Catalogue(f"sqlite:///{tmp_path}/record.db"), PhotoFiles(tmp_path / "photos")
    unreadable = [hashlib.sha256(make_photo_bytes(seed)).hexdigest() for seed in (2, 3)]
    damaged = tmp_path / "photos" / unreadable[1][:2] / unreadable[1]
    damaged.chmod(0o644)
    damaged.write_bytes(b"not what was registered")
    assert fill_prints(catalogue, photos, print_of) == PHOTOS_TOGETHER + 1
    assert [sha256 for _, sha256 in catalogue.unprinted(0, 10)] == unreadable
    assert fill_prints(catalogue, photos, print_of) == 0
    registry.catch_up()
    prints = (tuple(hashlib.sha256(make_photo_bytes(7)).digest() for _ in range(8)),)
    assert [hit.found.item_id for hit in registry.search_prints(prints, 10, Filters())] == ["SKU-7"]
    catalogue.close()
    registry.close()


def test_an_interrupted_run_goes_on_where_it_ended(old: Registry, tmp_path: Path) -> None:
    """And describes what was registered meanwhile by the old models, which are served all along."""
    with pytest.raises(KeyboardInterrupt):
        run(old, stop_after=PHOTOS_TOGETHER + 5)
    assert old._catalogue.count_undescribed(NEW) == PHOTOS_TOGETHER + 3, "one commit of so many photos was made"
    add(old, 900, "LATE", OLD)
    assert run(old) == f"{PHOTOS_TOGETHER + 4} described, 0 unseen, 0 failed"
    assert run(old) == "0 described, 0 unseen, 0 failed"
    new = open_registry(tmp_path, NEW)
    assert new.undescribed() == 0
    for photo, item_id in ((0, "SKU-0"), (34, "SKU-34"), (900, "LATE")):
        assert found(new, photo, NEW) == found(old, photo, OLD) == {item_id}
    assert found(new, BLANK, NEW) == set(), "the new models saw nothing in it"
    new.close()


def test_what_is_registered_while_it_runs_is_described_too(old: Registry) -> None:
    """Its number is higher than all there were."""
    added: list[bool] = []

    def describe(data: bytes, category: Category | None) -> tuple[tuple[DescribedGarment, ...], int]:
        if not added:
            added.append(add(old, 900, "LATE", OLD))
        return look(data, category)

    assert run(old, describe).startswith(f"{2 * PHOTOS_TOGETHER + 4} described")
    assert old._catalogue.count_undescribed(NEW) == 0


def test_photos_that_cannot_be_described_are_told_and_wait(old: Registry, tmp_path: Path) -> None:
    """Missing or undecodable; unless they are to be skipped, the generation is not complete."""
    sha256 = make_new_photo(3).sha256
    (tmp_path / "photos" / sha256[:2] / sha256).unlink()

    def describe(data: bytes, category: Category | None) -> tuple[tuple[DescribedGarment, ...], int]:
        if data == make_photo_bytes(4):
            raise UndecodableImage("the image is damaged")
        return look(data, category)

    everything = 2 * PHOTOS_TOGETHER + 3
    assert run(old, describe) == f"{everything - 2} described, 1 unseen, 2 failed"
    assert old._catalogue.count_undescribed(NEW) == 2
    assert run(old, describe, skip_failed=True) == "2 described, 2 unseen, 2 failed"
    assert old._catalogue.count_undescribed(NEW) == 0


def test_generations_do_not_take_each_others_snapshots_away(old: Registry, tmp_path: Path) -> None:
    """Each starts from its own; those of the old models go when they are dropped."""
    run(old)
    new = open_registry(tmp_path, NEW)
    for registry in (old, new, new, new, old):
        registry._live.write_snapshot()
    new.close()
    for version in (OLD, NEW):
        again = open_registry(tmp_path, version)
        assert again._live.started_from is not None
        assert again._live._snapshots is not None
        assert len(again._live._snapshots.paths()) == 4
        again.close()


class Generations(RuleBasedStateMachine):
    """Two processes with different models on one record, and a dict of what each must find."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="selvedge-"))
        self.registries = {version: open_registry(self.folder, version) for version in (OLD, NEW)}
        self.plain: dict[str, dict[int, set[str]]] = {}
        """Item → photo → the versions that described it."""

    def teardown(self) -> None:
        if hasattr(self, "registries"):
            for registry in self.registries.values():
                registry.close()
            shutil.rmtree(self.folder)

    @rule(photo=st.integers(0, 5), item=st.sampled_from("AB"), version=st.sampled_from([OLD, NEW]))
    def add(self, photo: int, item: str, version: str) -> None:
        photos = self.plain.setdefault(item, {})
        assert add(self.registries[version], photo, item, version) == (photo not in photos)
        photos.setdefault(photo, set()).add(version)

    @rule(photo=st.integers(0, 5), item=st.sampled_from("AB"), version=st.sampled_from([OLD, NEW]))
    def replace(self, photo: int, item: str, version: str) -> None:
        """What others saw of the photo that stays is kept, unless other photos go that these models knew beside it."""
        add(self.registries[version], photo, item, version, replace=True)
        before = self.plain.get(item, {})
        known = before.get(photo, set())
        again = version in known and len(before) > 1
        self.plain[item] = {photo: {version} if again else known | {version}}

    @rule(item=st.sampled_from("AB"), version=st.sampled_from([OLD, NEW]))
    def delete(self, item: str, version: str) -> None:
        try:
            self.registries[version].delete(item)
            del self.plain[item]
        except ItemNotFound:
            assert item not in self.plain

    @rule(stop_after=st.integers(0, 4))
    def reembed(self, stop_after: int) -> None:
        registry = self.registries[OLD]
        try:
            run(registry, stop_after=stop_after)
        except KeyboardInterrupt:
            return  # fewer than are kept together: nothing of it was
        for photos in self.plain.values():
            for versions in photos.values():
                versions.add(NEW)

    @rule(version=st.sampled_from([OLD, NEW]), snapshot=st.booleans())
    def restart(self, version: str, snapshot: bool) -> None:
        if snapshot:
            self.registries[version]._live.write_snapshot()
        self.registries[version].close()
        self.registries[version] = open_registry(self.folder, version)

    @invariant()
    def each_finds_what_it_described_and_nothing_else(self) -> None:
        if not hasattr(self, "registries"):
            return
        for version, registry in self.registries.items():
            registry.catch_up()
            theirs = OLD if version == NEW else NEW
            for photo in range(6):
                seen = {item for item, photos in self.plain.items() if version in photos.get(photo, ())}
                if photo == BLANK and version == NEW:
                    continue
                assert found(registry, photo, version) == seen
                with pytest.raises(EmbeddingMismatch):
                    found(registry, photo, theirs)
            missing = sum(version not in seen for photos in self.plain.values() for seen in photos.values())
            assert registry.undescribed() == missing


TestGenerations = Generations.TestCase
TestGenerations.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
