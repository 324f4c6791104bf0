"""Folders that appear as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

UNFINISHED = ".unfinished-"
SWEPT_AFTER_S = 3600.0


@contextmanager
def published(folder: Path, naming: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when the block is left, all of it on disk before it has its name.

    It gets its name inside `naming`, and loses it again where that raises. What a crash leaves behind is named
    otherwise and swept by a later call.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{UNFINISHED}*"):
        if left.stat().st_mtime < time.time() - SWEPT_AFTER_S:
            shutil.rmtree(left, ignore_errors=True)
    writing = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        yield writing
        for path in [*writing.rglob("*"), writing]:
            sync(path)
        with naming():
            writing = writing.rename(folder)
            sync(folder.parent)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise


def sync(path: Path) -> None:
    """A file's or a folder's content, on disk for good."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
