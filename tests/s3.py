"""A server that speaks S3, where moto is installed (`make test-scale`): in memory, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

INSTALLED = all(importlib.util.find_spec(name) is not None for name in ("s3fs", "moto", "flask_cors"))
BUCKET = "selvedge-tests"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_UP_WITHIN_S = 120.0


@contextmanager
def s3_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address, with an empty bucket, and its process; the environment says where it is, as an operator's would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL_S3=address)
    try:
        until = time.monotonic() + _UP_WITHIN_S
        while True:
            try:
                if httpx.put(f"{address}/{BUCKET}").status_code == 200:
                    break
            except httpx.TransportError:
                assert server.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        yield address, server
    finally:
        server.kill()
        server.wait()
        os.environ.clear()
        os.environ.update(before)
