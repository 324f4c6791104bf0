"""Photo bytes on disk, by hash: on disk for good before anything refers to them, gone once nothing does."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from index.errors import IndexUnavailable, ItemNotFound, PhotoDamaged
from index.manifest import sha256_of

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".unfinished"
SWEPT_AFTER_S = 3600.0


class PhotoStore(Protocol):
    """The bytes of registered photos by their sha256; may be used from any thread, beside other processes.

    Every method raises IndexUnavailable where the store cannot be used.
    """

    def stored(self, sha256: str, data: bytes) -> AbstractContextManager[None]:
        """The bytes are durable inside the block, and after it where the record refers to them by then.

        Stored again they are whole, whatever became of those that were there.
        """

    def read(self, sha256: str) -> bytes:
        """Raises ItemNotFound where they are not there, PhotoDamaged where their checksum differs."""

    def discard(self, sha256: str, still_wanted: Callable[[str], bool]) -> None:
        """Delete them unless they are wanted or being stored."""

    def sweep(
        self,
        wanted: frozenset[str],
        older_than_s: float = SWEPT_AFTER_S,
        still_wanted: Callable[[str], bool] = lambda _: False,
        tick: Callable[[], None] = lambda: None,
    ) -> int:
        """Delete what nothing refers to and is not young; how many are gone.

        `wanted` may be of a while ago if `still_wanted` knows better: it is asked before anything is deleted.
        """


def is_photo_name(name: str) -> bool:
    """Whether it is a sha256 as photos are named by."""
    return _SHA256.fullmatch(name) is not None


def _changed_at(path: Path) -> float | None:
    """Seconds since 1970; None for what another process has deleted meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def photo_place(sha256: str) -> str:
    """Where a photo lies, from the store's root. Raises ItemNotFound for what is no hash: it is never a path."""
    if not is_photo_name(sha256):
        raise ItemNotFound(f"no photo {sha256!r}")
    return f"{sha256[:2]}/{sha256}"


def checked_photo(sha256: str, data: bytes) -> bytes:
    """The same bytes. Raises PhotoDamaged unless they are what they are named by."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PhotoDamaged(f"the photo {sha256} is damaged: its checksum differs")
    return data


class PhotoFiles:
    """Files under `folder`, in 256 folders by their sha256; may be used from any thread of any process that shares it.

    Within a process those who store are counted; between processes whoever stores holds the file's folder shared, and
    whoever deletes holds it alone (flock).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._in_use: Counter[str] = Counter()
        self._durable_folders: set[Path] = set()

    @contextmanager
    def stored(self, sha256: str, data: bytes) -> Iterator[None]:
        """The bytes are durable inside the block, and `discard` leaves them alone until it is left; a file that was
        damaged is whole again.

        Raises IndexUnavailable if the disk refuses.
        """
        with self._lock:
            self._in_use[sha256] += 1
        try:
            with ExitStack() as stack:
                try:
                    path = self._path(sha256)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(_locked(path.parent, fcntl.LOCK_SH))
                    self._write(path, data)
                except OSError as error:
                    raise IndexUnavailable(f"the photo could not be stored: {error.strerror}") from error
                yield
        finally:
            with self._lock:
                self._in_use[sha256] -= 1
                self._in_use += Counter()

    def read(self, sha256: str) -> bytes:
        """Raises ItemNotFound where there is no such file, PhotoDamaged where its checksum differs."""
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise ItemNotFound(f"no photo {sha256}") from error
        return checked_photo(sha256, data)

    def discard(self, sha256: str, still_wanted: Callable[[str], bool]) -> None:
        """Delete the file unless it is wanted or being stored; what is left behind is swept at the next start."""
        path = self._path(sha256)
        if self._stored_now(sha256) or not path.exists():
            return
        with _locked(path.parent, fcntl.LOCK_EX), self._lock:
            if not self._in_use[sha256] and not still_wanted(sha256):
                path.unlink(missing_ok=True)

    def sweep(
        self,
        wanted: frozenset[str],
        older_than_s: float = SWEPT_AFTER_S,
        still_wanted: Callable[[str], bool] = lambda _: False,
        tick: Callable[[], None] = lambda: None,
    ) -> int:
        """Delete unfinished files and those that nothing refers to; young ones may be another process's next commit.

        `wanted` may be of a while ago if `still_wanted` knows better: it is asked before anything is deleted.
        """
        youngest = time.time() - older_than_s
        swept = 0
        for path in self._folder.glob("??/*"):
            tick()
            changed = _changed_at(path)
            if path.name in wanted or changed is None or changed > youngest:
                continue
            if is_photo_name(path.name):
                self.discard(path.name, still_wanted)
            else:
                path.unlink(missing_ok=True)
            swept += not path.exists()
        return swept

    def _stored_now(self, sha256: str) -> bool:
        with self._lock:
            return self._in_use[sha256] > 0

    def _path(self, sha256: str) -> Path:
        return self._folder / photo_place(sha256)

    def _write(self, path: Path, data: bytes) -> None:
        if _is_whole(path, len(data)):
            os.utime(path)
        else:
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=_UNFINISHED, delete=False) as file:
                try:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        _sync_folder(path.parent)
        if path.parent not in self._durable_folders:
            _sync_folder(self._folder)
            _sync_folder(self._folder.parent)
            self._durable_folders.add(path.parent)


def _is_whole(path: Path, size: int) -> bool:
    """Whether the photo is there, of so many bytes, and is what it is named by; not where it cannot be read."""
    try:
        return path.stat().st_size == size and sha256_of(path) == path.name
    except OSError:
        return False


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Among all processes, and given back with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
