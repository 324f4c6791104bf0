"""Who is at work in a data dir: services share it, a command has it alone; the lock ends with whoever holds it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from service.errors import ServiceError

LOCK_NAME = "in-use.lock"


class DataDirInUse(ServiceError):
    """Another process serves or fills this data dir."""


@contextmanager
def hold_data_dir(data_dir: Path, address: str = "", *, shared: bool = False) -> Iterator[None]:
    """Keep other processes off a data dir; the lock ends with this process, however it ends.

    With `address`, where a service on it answers, other services may have it too: they follow one record. `shared`
    without one is a worker of theirs, which nobody can be told to talk to. Raises DataDirInUse where another process
    holds it, and, with neither, where services do.
    """
    shared = shared or bool(address)
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a+") as lock:
        alone = _lock(lock, fcntl.LOCK_EX)
        if not alone and not (shared and _lock(lock, fcntl.LOCK_SH)):
            lock.seek(0)
            served_at = lock.read().split()
            advice = (
                f"talk to the service that runs on it: --url {served_at[-1]}" if served_at else "wait until it is done"
            )
            raise DataDirInUse(f"another process uses {data_dir}; {advice}")
        if alone:
            lock.truncate(0)
        if address:
            lock.write(f"{address}\n")
            lock.flush()
        if alone and shared:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _lock(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
