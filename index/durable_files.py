"""Folders that appear as a whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

UNFINISHED = ".unfinished-"
SWEPT_AFTER_S = 3600.0


@contextmanager
def published(folder: Path, naming: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when the block is left, all of it on disk before it has its name.

    It gets its name inside `naming`, and loses it again where that raises. What a crash leaves behind is named
    otherwise and swept by a later call; what another process on this machine still writes is locked, and stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    writing = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        with _locked(writing):
            yield writing
            for path in [*writing.rglob("*"), writing]:
                sync(path)
            with naming():
                writing = writing.rename(folder)
                sync(folder.parent)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise


def _sweep(parent: Path) -> None:
    """Delete folders that were left unfinished for `SWEPT_AFTER_S` and that nobody writes.

    The age alone says little: a folder is as old as the last name that came into it, whatever is written further down.
    One that cannot be locked, by its writer's doing or by the file system's, stays.
    """
    for left in parent.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - SWEPT_AFTER_S:
                with _locked(left, wanted=True):
                    shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path, wanted: bool = False) -> Iterator[None]:
    """Nobody else has the folder's lock, which ends with whoever holds it and says nothing of its content.

    Where a file system has no locks, a folder is written without. Raises OSError where the lock is `wanted`.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with nullcontext() if wanted else suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """A file's or a folder's content, on disk for good."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
