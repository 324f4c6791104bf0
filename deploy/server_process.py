"""A Selvedge in a process of its own on loopback, for load and drills; ended when the block is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, and its process."""

    address: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Processor time that the process itself has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    *,
    fake_models: bool | str = False,
    ready: bool = True,
    root: Path = ROOT,
    within: Sequence[str] = (),
) -> Iterator[Server]:
    """`selvedge serve` on this data dir, ready unless told otherwise.

    `settings` are SELVEDGE_ variables in lower case. `root` is the checkout whose code runs, `within` a command that
    ends by becoming the one after it. `fake_models`: the service of the tests, whose models are a few lines, or those
    of a version by name. Raises RuntimeError where it does not become ready.
    """
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELVEDGE_")}
    environment |= {f"SELVEDGE_{name.upper()}": value for name, value in (settings or {}).items()}
    environment |= {"SELVEDGE_LOG__LEVEL": "ERROR"}
    if fake_models:
        command = [sys.executable, "-m", "tests.fake_service", str(port), str(data_dir)]
        command += [fake_models] if isinstance(fake_models, str) else []
    else:
        options = ["--port", str(port), "--data-dir", str(data_dir)]
        command = [sys.executable, "-m", "service", "serve", *options]
    with subprocess.Popen([*within, *command], cwd=root, env=environment, stderr=subprocess.DEVNULL) as process:
        server = Server(f"http://127.0.0.1:{port}", port, process)
        try:
            if ready:
                wait_until_ready(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(server: Server) -> None:
    """Raises RuntimeError with what it says of itself."""
    deadline, said = time.monotonic() + READY_WITHIN_S, "no answer"
    with httpx.Client(base_url=server.address, timeout=10) as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                answer = client.get("/readyz")
                if answer.status_code == 200:
                    return
                said = answer.text
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
    raise RuntimeError(f"the service did not become ready: {said}")
