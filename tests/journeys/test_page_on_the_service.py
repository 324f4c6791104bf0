"""The console on the whole service, its networks replaced by the fake describer: what it sends and reads is true."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from service.app import create_app
from service.bootstrap import assemble
from service.demo.renderer import RenderedPhoto, render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE
from tests.fakes import FakeDescriber
from tests.journeys.browsing import chromium, opened, serving, wait_until_ready
from tests.journeys.conftest import settings_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def cat() -> RenderedPhoto:
    """The registered design."""
    return render(WARDROBE[1], Scene.drawn(1, 300, 360))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, cat: RenderedPhoto) -> Iterator[str]:
    """A service that knows one design, without the demo."""
    settings = settings_for(tmp_path_factory.mktemp("data"))
    with serving(create_app(settings, functools.partial(assemble, make_describer=lambda _: FakeDescriber()))) as url:
        wait_until_ready(url)
        fields = {"item_id": "CAT/1", "title": "Cat tee", "seller_id": "s1", "published_at": "2026-01-05T00:00:00Z"}
        added = httpx.post(f"{url}/index/add", data=fields, files={"image": ("cat.png", cat.png())})
        assert added.status_code == 201
        yield url


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The console, opened."""
    with opened(browser, address) as page:
        yield page


def _file(photo: bytes, name: str = "photo.png") -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": photo}


def _painted_collar(photo: RenderedPhoto) -> bytes:
    """The photo with checks painted over its upper middle, where the fake describer looks for the collar."""
    pixels = photo.pixels.copy()
    height, width = pixels.shape[:2]
    rows, columns = slice(int(0.1 * height), int(0.26 * height)), slice(int(0.34 * width), int(0.66 * width))
    y, x = np.mgrid[rows, columns]
    pixels[rows, columns] = np.where((x // 20 + y // 20) % 2, 255, 0)[..., None]
    return replace(photo, pixels=pixels).png()


def test_a_reused_picture_is_shown_as_such(page: Page, cat: RenderedPhoto) -> None:
    """With the registered photo from the catalogue beside it, under an id with a slash in it."""
    page.set_input_files("#file", _file(cat.png()))
    expect(page.locator(".banner h2")).to_have_text("Image copy")
    expect(page.locator(".banner")).to_contain_text("CAT/1")
    match = page.locator(".match").first
    expect(match.locator(".badge")).to_have_text(["same photo"])
    expect(match.locator('.region[data-state="agrees"]')).to_have_count(5)
    expect(match.locator(".pair img")).not_to_have_js_property("naturalWidth", 0)
    expect(match).to_contain_text("2026-01-05")
    expect(page.locator("#overlay circle")).to_have_count(25)
    expect(page.locator("#overlay .regions rect")).to_have_count(5)
    expect(page.locator("#state")).to_have_text("1 registered designs")


def test_an_altered_region_is_named(page: Page, cat: RenderedPhoto) -> None:
    """The collar was painted over, and the bars say so."""
    page.set_input_files("#file", _file(_painted_collar(cat)))
    expect(page.locator(".banner h2")).to_have_text("Partial copy")
    expect(page.locator(".banner")).to_contain_text("The collar was altered")
    collar = page.locator(".match").first.locator('.region[data-region="collar"]')
    expect(collar).to_have_attribute("data-state", "altered")


def test_a_slider_changes_the_weights_the_service_uses(page: Page, cat: RenderedPhoto) -> None:
    """Half and more of the weight on the collar; the score falls with it."""
    page.set_input_files("#file", _file(_painted_collar(cat)))
    numbers = page.locator(".match").first.locator(".numbers")
    expect(numbers).to_contain_text("score")
    before = float(numbers.inner_text().split()[-1])
    page.locator("#weights-panel summary").click()
    page.locator("#weight-collar").fill("1")
    expect(page.locator('.match .region[data-region="collar"] .number').first).to_contain_text("× 5")
    assert float(numbers.inner_text().split()[-1]) < before


def test_a_design_registered_here_is_found_by_the_next_check(page: Page) -> None:
    """From clear to image copy."""
    other = _file(render(WARDROBE[9], Scene.drawn(3, 300, 360)).png())
    page.set_input_files("#file", other)
    expect(page.locator(".banner h2")).not_to_have_text("Image copy")
    page.locator("#register-panel summary").click()
    page.locator('[name="item_id"]').fill("STAR-9")
    page.locator("#register-button").click()
    expect(page.locator("#registered")).to_contain_text("Registered as STAR-9")
    page.set_input_files("#file", other)
    expect(page.locator(".banner h2")).to_have_text("Image copy")
    expect(page.locator(".banner code")).to_have_text("STAR-9")


def test_a_photo_of_nothing_is_an_answer(page: Page) -> None:
    """The service finds no garment, and the page says it calmly."""
    stream = io.BytesIO()
    Image.new("RGB", (200, 240), (200, 190, 180)).save(stream, "PNG")
    page.set_input_files("#file", _file(stream.getvalue()))
    expect(page.locator(".banner h2")).to_have_text("No garment")


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"plain text", "not a picture Selvedge can read"), (b"\x89PNG\r\n\x1a\n", "422"), (b"", "")],
)
def test_bad_files_are_refused_in_words(page: Page, tmp_path: Path, data: bytes, words: str) -> None:
    """Whatever the service answers, the page shows it as a problem."""
    page.set_input_files("#file", _file(data, "file.png"))
    problem = page.get_by_role("alert")
    expect(problem).to_be_visible()
    expect(problem).to_contain_text(words)
    expect(page.locator(".banner")).to_have_count(0)


def test_without_the_demo_no_sample_is_offered(page: Page, address: str) -> None:
    """Nor drawn."""
    expect(page.locator("#demo")).to_be_hidden()
    assert httpx.get(f"{address}/demo/partial-copy.jpg").status_code == 404
