"""One process a data dir: a lock that ends with whoever holds it, kill -9 included."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import ServiceError

LOCK_NAME = "in-use.lock"


class DataDirInUse(ServiceError):
    """Another process serves or fills this data dir."""


@contextmanager
def hold_data_dir(data_dir: Path, address: str = "") -> Iterator[None]:
    """Keep other processes off a data dir; the lock ends with this process, however it ends.

    `address` is where a service on it answers. Raises DataDirInUse where another process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            served_at = lock.read().strip()
            advice = f"talk to the service that runs on it: --url {served_at}" if served_at else "wait until it is done"
            raise DataDirInUse(f"another process uses {data_dir}; {advice}") from error
        lock.truncate(0)
        lock.write(address)
        lock.flush()
        yield
