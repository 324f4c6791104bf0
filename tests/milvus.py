"""Milvus Lite for tests, where the extra is installed (`make test-scale`): one file a process, a prefix a test."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.server_process import free_port
from tests.factories import MODELS_VERSION

if TYPE_CHECKING:
    from index.milvus import MilvusVectors

INSTALLED = importlib.util.find_spec("pymilvus") is not None
UP_WITHIN_S = 120.0


@functools.cache
def lite_uri() -> str:
    """Of a Milvus Lite that this process has to itself."""
    folder = tempfile.mkdtemp(prefix="milvus-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"{folder}/lite.db"


def new_prefix() -> str:
    """Of collections that no other test has."""
    return f"t{uuid4().hex[:12]}"


def open_milvus(prefix: str | None = None, models_version: str = MODELS_VERSION) -> MilvusVectors:
    from index.milvus import MilvusVectors
    from index.milvus_collections import MilvusCollections

    return MilvusVectors(MilvusCollections(lite_uri()), prefix or new_prefix(), models_version)


@contextmanager
def lite_server(data_dir: Path, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Milvus Lite as a server of its own that any number of processes use: its address and its process."""
    where = free_port() if port is None else port
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(data_dir), "--port", str(where)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", where), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < until
                time.sleep(0.1)
        yield f"http://127.0.0.1:{where}", server
    finally:
        server.kill()
        server.wait()
