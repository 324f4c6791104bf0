"""The page's files: strict headers, nothing from elsewhere, and no way out of its folder."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from models.preprocessing import ImageLimits, decode
from service.routes.page import MEDIA_TYPES, PAGE_DIR, page_router

FILES = sorted(path.name for path in PAGE_DIR.iterdir() if path.suffix in MEDIA_TYPES)


@pytest.fixture(scope="module")
def client() -> TestClient:
    """The page alone, with the demo."""
    app = FastAPI()
    app.include_router(page_router(demo=True))
    return TestClient(app)


def test_the_page_is_at_the_root(client: TestClient) -> None:
    """HTML, with its files beside it."""
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    for name in re.findall(r'(?:src|href)="(/page/[^"]+)"', answer.text):
        assert client.get(name).status_code == 200, name


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in FILES)])
def test_every_file_forbids_everything_it_does_not_need(client: TestClient, path: str) -> None:
    """No inline script or style, no other host, no framing, no sniffing."""
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", FILES)
def test_files_load_nothing_from_elsewhere_and_parse_no_markup(name: str) -> None:
    """Not even by accident."""
    text = (PAGE_DIR / name).read_text()
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"\sstyle=|\son\w+=\"", text)


@pytest.mark.parametrize("name", ["../settings.py", "%2e%2e/settings.py", "nothing.js", "..%2fsettings.py"])
def test_other_files_are_not_served(client: TestClient, name: str) -> None:
    """Only the page's own names."""
    assert client.get(f"/page/{name}").status_code == 404


def test_demo_photos_are_listed_and_decode(client: TestClient) -> None:
    """Five photos, each under its name; the same bytes every time."""
    names = [photo["name"] for photo in client.get("/demo").json()["photos"]]
    assert len(names) == 5
    answer = client.get(f"/demo/{names[0]}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode(answer.content, ImageLimits()).width == 600
    assert client.get(f"/demo/{names[0]}.jpg").content == answer.content
    assert client.get("/demo/nothing.jpg").status_code == 404


def test_without_the_demo_there_are_no_photos() -> None:
    """The list is empty, the photos are not there."""
    app = FastAPI()
    app.include_router(page_router(demo=False))
    client = TestClient(app)
    assert client.get("/demo").json() == {"photos": []}
    assert client.get("/demo/partial-copy.jpg").status_code == 404
