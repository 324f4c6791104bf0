"""What every store of photos must do: files in a folder, objects in memory, objects behind a server that speaks S3."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from index.errors import IndexUnavailable, ItemNotFound, PhotoDamaged
from index.photo_objects import ObjectPhotoStore
from index.photos import PhotoFiles, PhotoStore
from tests.s3 import BUCKET, INSTALLED, s3_server

DATA = b"a photo" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
OTHER = b"another photo" * 1000
OTHER_SHA256 = hashlib.sha256(OTHER).hexdigest()
NEEDS_S3 = pytest.mark.skipif(not INSTALLED, reason="needs the extra [s3] and moto: make test-scale")


@dataclass(frozen=True)
class Place:
    """Somewhere that any number of stores can be opened on; `put` goes round them."""

    open: Callable[[], PhotoStore]
    put: Callable[[str, bytes], None]
    names: Callable[[], list[str]]


def objects_at(url: str) -> Place:
    files, folder = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return Place(
        lambda: ObjectPhotoStore(url),
        lambda name, data: files.pipe_file(f"{folder}/{name[:2]}/{name}", data),
        lambda: sorted(path.rpartition("/")[2] for path in files.find(folder)),
    )


def files_in(folder: Path) -> Place:
    def put(name: str, data: bytes) -> None:
        (folder / name[:2]).mkdir(parents=True, exist_ok=True)
        (folder / name[:2] / name).write_bytes(data)

    return Place(
        lambda: PhotoFiles(folder), put, lambda: sorted(path.name for path in folder.rglob("*") if path.is_file())
    )


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["files", "memory", pytest.param("s3", marks=NEEDS_S3)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "files":
        return files_in(tmp_path / "photos")
    root = "memory://photos" if request.param == "memory" else request.getfixturevalue("bucket")
    return objects_at(f"{root}/{uuid4().hex}")


@pytest.fixture
def store(place: Place) -> PhotoStore:
    return place.open()


def test_a_stored_photo_is_read_back(store: PhotoStore, place: Place) -> None:
    """Inside the block and after it, by another process too; stored twice it is one."""
    for _ in range(2):
        with store.stored(SHA256, DATA):
            assert place.open().read(SHA256) == DATA
    assert store.read(SHA256) == DATA
    assert place.names() == [SHA256]


def test_an_unknown_photo_is_not_found(store: PhotoStore) -> None:
    """A hash without bytes."""
    with pytest.raises(ItemNotFound):
        store.read("0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, f"{'a' * 63}/"])
def test_what_is_no_hash_is_never_a_place(store: PhotoStore, name: str) -> None:
    """Nothing outside the store can be named, read, written or deleted."""
    with pytest.raises(ItemNotFound):
        store.read(name)
    with pytest.raises(ItemNotFound), store.stored(name, DATA):
        pytest.fail("the block must not run")
    with pytest.raises(ItemNotFound):
        store.discard(name, lambda _: False)


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], DATA[:-1] + b"\0"])
def test_bytes_that_are_not_what_they_are_named_by_are_never_answered(
    store: PhotoStore, place: Place, damaged: bytes
) -> None:
    """Cut off, or one bit in the wrong place."""
    place.put(SHA256, damaged)
    with pytest.raises(PhotoDamaged, match="checksum differs"):
        store.read(SHA256)


@pytest.mark.parametrize("damaged", [b"", b"half", DATA[:-1] + b"\0"])
def test_storing_a_damaged_photo_again_makes_it_whole(store: PhotoStore, place: Place, damaged: bytes) -> None:
    """Cut off, or of the right size; it is not taken for granted that what is there is whole."""
    place.put(SHA256, damaged)
    with store.stored(SHA256, DATA):
        assert place.open().read(SHA256) == DATA
    assert store.read(SHA256) == DATA
    assert place.names() == [SHA256]


def test_an_unwanted_photo_is_deleted(store: PhotoStore, place: Place) -> None:
    """And a wanted one is not; one that is gone already is no mistake."""
    for data in (DATA, OTHER):
        with store.stored(hashlib.sha256(data).hexdigest(), data):
            pass
    store.discard(SHA256, lambda _: True)
    assert store.read(SHA256) == DATA
    for _ in range(2):
        store.discard(SHA256, lambda _: False)
    assert place.names() == [OTHER_SHA256]
    with pytest.raises(ItemNotFound):
        store.read(SHA256)


def test_a_photo_that_another_process_stores_outlives_a_deletion(store: PhotoStore, place: Place) -> None:
    """Whether the deletion waits until it is recorded, or comes first and the bytes are put back."""
    theirs, recorded = place.open(), threading.Event()
    deleting = threading.Thread(target=store.discard, args=(SHA256, lambda _: recorded.is_set()))
    with theirs.stored(SHA256, DATA):
        deleting.start()
        deleting.join(0.5)
        recorded.set()
    deleting.join()
    assert store.read(SHA256) == DATA


def test_leftovers_of_a_crash_are_swept(store: PhotoStore, place: Place) -> None:
    """What nothing refers to goes, unless it is young or has become wanted meanwhile; the rest stays."""
    for data in (DATA, OTHER):
        place.put(hashlib.sha256(data).hexdigest(), data)
    orphan = hashlib.sha256(b"orphan").hexdigest()
    place.put(orphan, b"orphan")
    assert store.sweep(frozenset({SHA256})) == 0, "young ones may belong to another process"
    swept = store.sweep(frozenset({SHA256}), older_than_s=-60, still_wanted=lambda name: name == OTHER_SHA256)
    assert (swept, place.names()) == (1, sorted([SHA256, OTHER_SHA256]))


OBJECTS = ["memory", pytest.param("s3", marks=NEEDS_S3)]


@pytest.mark.parametrize("place", OBJECTS, indirect=True)
def test_a_photo_that_becomes_wanted_while_it_is_deleted_is_put_back(store: PhotoStore, place: Place) -> None:
    """Recorded between the last look at the record and the deletion, where no lock can be had."""
    place.put(SHA256, DATA)
    answers = iter([False, True])
    store.discard(SHA256, lambda _: next(answers))
    assert store.read(SHA256) == DATA


@NEEDS_S3
def test_a_server_that_is_down_is_an_outage_and_no_missing_photo() -> None:
    """Whatever is asked of it; when it is back, all is as before."""
    with s3_server() as (_, server):
        store = ObjectPhotoStore(f"s3://{BUCKET}/photos", timeout_s=2)
        with store.stored(SHA256, DATA):
            pass
        server.kill()
        server.wait()
        with pytest.raises(IndexUnavailable, match="photo store"), store.stored(OTHER_SHA256, OTHER):
            pytest.fail("the block must not run")
        for ask in (
            lambda: store.read(SHA256),
            lambda: store.discard(SHA256, lambda _: False),
            lambda: store.sweep(frozenset()),
        ):
            with pytest.raises(IndexUnavailable, match="photo store"):
                ask()


@NEEDS_S3
def test_a_bucket_that_does_not_exist_takes_no_photo(bucket: str) -> None:
    """A misspelt URL is noticed by the first add."""
    store = ObjectPhotoStore("s3://selvedge-no-such-bucket/photos")
    with pytest.raises(IndexUnavailable, match="photo store"), store.stored(SHA256, DATA):
        pytest.fail("the block must not run")
