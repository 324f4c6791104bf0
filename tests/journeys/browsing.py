"""What the browser tests share: Chromium, and an application on a free port."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY_WITHIN_S = 120


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; needed in CI, optional elsewhere."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        message = "no Chromium on the PATH: install Debian's `chromium` (`.ci/install-tools` does)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=binary, args=list(CHROMIUM_ARGUMENTS))
        yield launched
        launched.close()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application over real HTTP; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def wait_until_ready(address: str) -> None:
    """Raises where the service says why it cannot start, or takes too long."""
    deadline = time.monotonic() + READY_WITHIN_S
    while (answer := httpx.get(f"{address}/readyz")).status_code != 200:
        assert "could not start" not in answer.text, answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The page at an address; fails at the end on any script error or blocked resource."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A refused upload or a photo that is gone is an answer; the browser calls it an error all the same.
        if message.type == "error" and not re.search(r"status of [45]\d\d", message.text):
            complaints.append(message.text)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", listen)
    page.goto(address)
    yield page
    page.close()
    assert complaints == []
