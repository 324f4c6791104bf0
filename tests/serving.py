"""The service behind a real server on a free port of this machine, in a thread of its own."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from models.runtime.describe import Describer
from service.app import create_app
from service.bootstrap import assemble
from service.settings import Settings
from tests.fakes import FakeDescriber

READY_WITHIN_S = 240.0


@contextmanager
def served_on_a_socket(settings: Settings, describer: Describer | None = None) -> Iterator[str]:
    """Yields its address once it is ready."""
    fake = FakeDescriber() if describer is None else describer
    app = create_app(settings, functools.partial(assemble, make_describer=lambda _: fake))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        while (answer := httpx.get(f"{address}/readyz")).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.02)
        yield address
    finally:
        server.should_exit = True
        thread.join()
