"""A real PostgreSQL of the tests' own: a private cluster in a temporary folder, on 127.0.0.1, ended with the tests."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_USER = "selvedge"


def find_postgres() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Cluster:
    """A running server; `new_database` gives an empty database each time. `stop` is as if the machine lost power."""

    def __init__(self, port: int, control: Callable[..., None]) -> None:
        self.port = port
        self._control = control
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        self._control("--mode", "immediate", "stop")

    def start(self) -> None:
        self._control("start")

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Its URL."""
        name = f"record_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running_cluster(durable: bool = False) -> Iterator[Cluster]:
    """`durable` waits for the disk at every commit, as a server does by default; tests of answers need not."""
    binaries = find_postgres()
    assert binaries is not None
    # PostgreSQL refuses to run as root; the folder lies in /tmp because pytest's own may not be entered by others.
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="selvedge-pg-") as folder:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        data = Path(folder) / "data"
        made = ["--username", _USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        _call([str(binaries / "initdb"), "--pgdata", str(data), *made], user, folder)
        port = _free_port()
        fsync = "on" if durable else "off"
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync={fsync}"
        program = [str(binaries / "pg_ctl"), "--pgdata", str(data), "--wait"]

        def control(*words: str) -> None:
            _call([*program, "--log", f"{folder}/log", "--options", options, *words], user, folder)

        cluster = Cluster(port, control)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Skipped only where there is no PostgreSQL and nobody promised one: in CI `.ci/install-tools` did."""
    if find_postgres() is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL in CI: .ci/install-tools should have installed it")
        pytest.skip("no PostgreSQL here (apt-get install postgresql)")
    with running_cluster() as cluster:
        yield cluster


def _call(command: list[str], user: str | None, folder: str) -> None:
    group = None if user is None else pwd.getpwnam(user).pw_gid
    extra: list[int] | None = None if user is None else []
    done = subprocess.run(
        command, user=user, group=group, extra_groups=extra, cwd=folder, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
