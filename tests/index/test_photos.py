"""Photo bytes are on disk before anything refers to them, and gone once nothing does."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from index.errors import IndexUnavailable, ItemNotFound
from index.photos import PhotoFiles

DATA = b"a photo" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> PhotoFiles:
    return PhotoFiles(tmp_path / "photos")


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def test_a_stored_photo_is_read_back(store: PhotoFiles, tmp_path: Path) -> None:
    """Inside the block and after it; stored twice it is one file."""
    for _ in range(2):
        with store.stored(SHA256, DATA):
            assert store.read(SHA256) == DATA
    assert store.read(SHA256) == DATA
    assert files(tmp_path) == [SHA256]


def test_an_unknown_photo_is_not_found(store: PhotoFiles) -> None:
    """A hash without a file."""
    with pytest.raises(ItemNotFound):
        store.read("0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63])
def test_what_is_no_hash_is_never_a_path(store: PhotoFiles, name: str) -> None:
    """Nothing outside the folder can be named."""
    with pytest.raises(ItemNotFound):
        store.read(name)


def test_an_unwanted_photo_is_deleted(store: PhotoFiles, tmp_path: Path) -> None:
    """And a wanted one is not."""
    with store.stored(SHA256, DATA):
        pass
    store.discard(SHA256, lambda _: True)
    assert files(tmp_path) == [SHA256]
    store.discard(SHA256, lambda _: False)
    assert files(tmp_path) == []


def test_a_photo_being_stored_is_not_discarded(store: PhotoFiles) -> None:
    """A deletion beside an add of the same bytes leaves them to the add."""
    with store.stored(SHA256, DATA):
        deleting = threading.Thread(target=store.discard, args=(SHA256, lambda _: False))
        deleting.start()
        deleting.join()
    assert store.read(SHA256) == DATA


def test_a_photo_that_another_process_stores_is_not_discarded(store: PhotoFiles, tmp_path: Path) -> None:
    """Whoever deletes waits until it is recorded, and then sees that it is wanted."""
    theirs, recorded = PhotoFiles(tmp_path / "photos"), threading.Event()
    deleting = threading.Thread(target=store.discard, args=(SHA256, lambda _: recorded.is_set()))
    with theirs.stored(SHA256, DATA):
        deleting.start()
        deleting.join(0.3)
        assert deleting.is_alive()
        recorded.set()
    deleting.join()
    assert store.read(SHA256) == DATA


def test_a_full_disk_leaves_nothing_behind(store: PhotoFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write fails as IndexUnavailable, and works again once there is room."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(IndexUnavailable, match="No space left"), store.stored(SHA256, DATA):
            pytest.fail("the block must not run")
    assert files(tmp_path) == []
    with store.stored(SHA256, DATA):
        assert store.read(SHA256) == DATA


def test_a_whole_photo_stored_again_is_not_written_again(store: PhotoFiles, tmp_path: Path) -> None:
    """It only becomes young, so that no sweep takes it for a leftover."""
    path = tmp_path / "photos" / SHA256[:2] / SHA256
    with store.stored(SHA256, DATA):
        pass
    os.utime(path, (1, 1))
    before = path.stat().st_ino
    with store.stored(SHA256, DATA):
        assert (path.stat().st_ino, path.stat().st_mtime > 1) == (before, True)


def test_a_damaged_photo_stays_as_it_is_until_a_whole_one_can_take_its_place(
    store: PhotoFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses half-way leaves neither a mixture nor a leftover."""
    path = tmp_path / "photos" / SHA256[:2] / SHA256
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(IndexUnavailable, match="No space left"), store.stored(SHA256, DATA):
            pytest.fail("the block must not run")
    assert (files(tmp_path), path.read_bytes()) == ([SHA256], b"damaged")


def test_a_sweep_goes_on_where_others_delete_what_it_has_listed(store: PhotoFiles, tmp_path: Path) -> None:
    """A photo that is discarded, or a file that is finished and renamed, between the listing and the look at it."""
    folder = tmp_path / "photos" / SHA256[:2]
    folder.mkdir(parents=True)
    leftovers = [folder / f"{number}.part" for number in range(3)]
    for path in leftovers:
        path.write_bytes(DATA)

    def vanish() -> None:
        for path in leftovers[:2]:
            path.unlink(missing_ok=True)

    assert store.sweep(frozenset(), older_than_s=0, tick=vanish) == 1
    assert files(tmp_path) == []


def test_leftovers_of_a_crash_are_swept(store: PhotoFiles, tmp_path: Path) -> None:
    """Orphans and unfinished files go, what the record refers to stays."""
    with store.stored(SHA256, DATA):
        pass
    folder = tmp_path / "photos" / "ab"
    folder.mkdir(parents=True)
    (folder / ("ab" * 32)).write_bytes(b"orphan")
    (folder / "x.unfinished").write_bytes(b"half")
    assert store.sweep(frozenset({SHA256})) == 0, "young files may belong to another process"
    assert store.sweep(frozenset({SHA256}), older_than_s=0) == 2
    assert files(tmp_path) == [SHA256]
