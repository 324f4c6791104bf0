"""A record whose photos lie in an object store: what is acknowledged is stored, what is forgotten is deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from index.errors import IndexUnavailable, ItemNotFound
from index.photo_objects import ObjectPhotoStore
from index.registry import Registry
from tests.factories import MODELS_VERSION, make_new_photo, make_photo_bytes


@pytest.fixture
def url() -> str:
    return f"memory://registry-{uuid4().hex}"


@pytest.fixture
def registry(tmp_path: Path, url: str) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, photos=ObjectPhotoStore(url))
    opened.start()
    yield opened
    opened.close()


def names(url: str) -> set[str]:
    files, folder = fsspec.core.url_to_fs(url)
    return {path.rpartition("/")[2] for path in files.find(folder)}


def test_photos_come_and_go_with_their_items(registry: Registry, url: str, tmp_path: Path) -> None:
    """Shared by two items they stay until the last is gone; none is in the data dir."""
    added = registry.add(make_new_photo(1), make_photo_bytes(1))
    registry.add(make_new_photo(2, photo_seed=1), make_photo_bytes(1))
    registry.add(make_new_photo(3), make_photo_bytes(3))
    registry.add(make_new_photo(4, item_id="SKU-3", replace=True), make_photo_bytes(4))
    assert names(url) == {make_new_photo(seed).sha256 for seed in (1, 4)}
    registry.delete("SKU-2")
    assert registry.photo_bytes("SKU-1", added.photo_id) == make_photo_bytes(1)
    registry.delete("SKU-1")
    assert names(url) == {make_new_photo(4).sha256}
    assert not (tmp_path / "photos").exists()


def test_nothing_is_recorded_whose_bytes_could_not_be_stored(
    registry: Registry, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the store raises."""
    with monkeypatch.context() as patched:

        def refuse(*_: object, **__: object) -> None:
            raise ConnectionResetError("the store hung up")

        patched.setattr(type(registry._photos._store), "pipe_file", refuse)  # type: ignore[attr-defined]
        with pytest.raises(IndexUnavailable, match="the store hung up"):
            registry.add(make_new_photo(1), make_photo_bytes(1))
    assert registry.list().items == ()
    assert registry.add(make_new_photo(1), make_photo_bytes(1)).created


def test_bytes_that_cannot_be_deleted_now_are_deleted_later(
    registry: Registry, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item is gone at once; the bytes go when the store is back, without a restart."""
    registry.add(make_new_photo(1), make_photo_bytes(1))
    with monkeypatch.context() as patched:

        def refuse(*_: object, **__: object) -> None:
            raise TimeoutError

        patched.setattr(type(registry._photos._store), "rm_file", refuse)  # type: ignore[attr-defined]
        registry.delete("SKU-1")
        with pytest.raises(ItemNotFound):
            registry.get("SKU-1")
        time.sleep(0.1)
        assert names(url) == {make_new_photo(1).sha256}
    until = time.monotonic() + 30
    while names(url):
        assert time.monotonic() < until
        time.sleep(0.05)
