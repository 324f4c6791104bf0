"""Photo bytes in an object store, by hash, for replicas that share no disk. The only importer of fsspec.

A store knows no locks. So whoever stores looks again once the photo is recorded, and whoever deletes looks again once
it has deleted: between the two, bytes that the record refers to are put back by the one or the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.asyn import AsyncFileSystem

from index.errors import IndexUnavailable, ItemNotFound, PhotoDamaged
from index.photos import SWEPT_AFTER_S, checked_photo, is_photo_name, photo_place

log = logging.getLogger(__name__)

PROTOCOLS = ("s3", "gs", "gcs", "abfs", "az", "memory")
"""Stores in which an object appears whole or not at all; `s3` is tested against a server, `memory` is for tests."""
TIMEOUT_S = 10.0


class ObjectPhotoStore:
    """`PhotoStore` under a URL such as `s3://bucket/photos`; the same names as in a folder, so that one is a copy of
    the other. Credentials and endpoints come from where the store's own tools look for them.

    Every method raises IndexUnavailable where the store cannot be used, or does not answer for `timeout_s`.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        with _asking("open it"):
            # Other processes write too: what was listed a while ago is not what is there.
            self._store, folder = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
        self._folder = folder.rstrip("/")
        self._patience: dict[str, Any] = {"timeout": timeout_s} if isinstance(self._store, AsyncFileSystem) else {}

    @contextmanager
    def stored(self, sha256: str, data: bytes) -> Iterator[None]:
        """The bytes are durable inside the block and, whoever deletes them meanwhile, after it."""
        path = self._path(sha256)
        self._put(path, data)
        yield
        try:
            if not self._is_there(path):
                self._put(path, data)
        except IndexUnavailable as error:
            # It was stored and is recorded: only a deletion at this very moment could have taken it away.
            log.warning("could not look whether photo %s is still there: %s", sha256, error)

    def read(self, sha256: str) -> bytes:
        """Raises ItemNotFound where there is no such object, PhotoDamaged where its checksum differs."""
        path = self._path(sha256)
        with _asking("read a photo"):
            try:
                data = bytes(self._store.cat_file(path, **self._patience))
            except FileNotFoundError as error:
                raise ItemNotFound(f"no photo {sha256}") from error
        return checked_photo(sha256, data)

    def discard(self, sha256: str, still_wanted: Callable[[str], bool]) -> None:
        """Delete the object unless it is wanted; put back where it has become wanted meanwhile."""
        path = self._path(sha256)
        if still_wanted(sha256):
            return
        try:
            data = self.read(sha256)
        except ItemNotFound:
            return
        except PhotoDamaged:
            data = b""  # nothing to put back
        self._delete(path)
        if data and still_wanted(sha256):
            self._put(path, data)

    def sweep(
        self,
        wanted: frozenset[str],
        older_than_s: float = SWEPT_AFTER_S,
        still_wanted: Callable[[str], bool] = lambda _: False,
        tick: Callable[[], None] = lambda: None,
    ) -> int:
        """Delete what nothing refers to; young objects may be another process's next commit. How many are gone."""
        youngest = time.time() - older_than_s
        swept = 0
        with _asking("list the photos"):
            paths = list(self._store.find(self._folder, **self._patience))
        for path in paths:
            tick()
            name = path.rpartition("/")[2]
            if name in wanted or not is_photo_name(name):
                continue
            with _asking("look at a photo"):
                try:
                    if self._store.modified(path).timestamp() > youngest:
                        continue
                except FileNotFoundError:
                    continue
            self.discard(name, still_wanted)
            swept += not self._is_there(path)
        return swept

    def _path(self, sha256: str) -> str:
        return f"{self._folder}/{photo_place(sha256)}"

    def _put(self, path: str, data: bytes) -> None:
        """Also where it is there: what is stored anew is young again, and whole if it was damaged."""
        with _asking("store a photo"):
            self._store.pipe_file(path, data, **self._patience)

    def _is_there(self, path: str) -> bool:
        with _asking("look for a photo"):
            try:
                self._store.info(path, **self._patience)
            except FileNotFoundError:
                return False
        return True

    def _delete(self, path: str) -> None:
        with _asking("delete a photo"):
            try:
                self._store.rm_file(path, **self._patience)
            except FileNotFoundError:
                pass  # another process was first


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Every store has errors of its own; ours pass."""
    try:
        yield
    except (ItemNotFound, IndexUnavailable):
        raise
    except Exception as error:
        raise IndexUnavailable(f"could not {what}, the photo store cannot be used: {error!r}") from error
