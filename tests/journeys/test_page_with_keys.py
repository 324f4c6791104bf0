"""The page of a service that asks for API keys: it asks for one too, and shows all that the key may see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from service.access.keys import Scope
from tests.journeys.browsing import chromium, opened
from tests.journeys.conftest import settings_for
from tests.journeys.test_access import make_key
from tests.photos import photo
from tests.serving import served_on_a_socket

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A service with one design and a key of its own: its address, and the key."""
    settings = settings_for(tmp_path_factory.mktemp("keys"))
    headers = make_key(settings, Scope.CHECK, Scope.INDEX)
    with served_on_a_socket(settings) as address:
        added = httpx.post(
            f"{address}/index/add", files={"image": photo(1)}, data={"item_id": "SKU-1"}, headers=headers, timeout=60
        )
        assert added.status_code == 201, added.text
        yield address, headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def page(browser: Browser, guarded: tuple[str, str], tmp_path: Path) -> Iterator[Page]:
    """The console after a photo was given to it without a key."""
    (tmp_path / "suspect.jpg").write_bytes(photo(1))
    with opened(browser, guarded[0]) as page:
        page.locator("#file").set_input_files(tmp_path / "suspect.jpg")
        expect(page.locator("#problem")).to_be_visible()
        yield page


def test_the_page_asks_for_a_key_and_goes_on_with_the_check(page: Page, guarded: tuple[str, str]) -> None:
    """The registered photo is shown beside the checked one, though an image sends no key by itself."""
    page.get_by_label("API key").fill(guarded[1])
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(".match").first).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()
    registered = page.locator(".match").first.get_by_alt_text("Registered photo of SKU-1")
    expect(registered).not_to_have_js_property("naturalWidth", 0)
    expect(page.locator("#state")).to_have_text("1 registered designs")


def test_a_wrong_key_is_asked_for_again_and_an_empty_one_is_not_sent(page: Page) -> None:
    """The problem says what is wrong; nothing of the catalogue is shown."""
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill("slv_wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#problem")).to_contain_text("401")
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.locator(".match").count() == 0


def test_the_key_is_gone_with_the_tab(page: Page, browser: Browser, guarded: tuple[str, str], tmp_path: Path) -> None:
    """Another page of the same browser has to be given it again; nothing of it is kept."""
    page.get_by_label("API key").fill(guarded[1])
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(".match").first).to_be_visible()
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    with opened(browser, guarded[0]) as another:
        another.locator("#file").set_input_files(tmp_path / "suspect.jpg")
        expect(another.get_by_label("API key")).to_be_visible()
