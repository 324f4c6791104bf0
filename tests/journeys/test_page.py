"""A moderator checks photos on the console, in headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from service.demo.catalogue import demo_copies, demo_photo
from tests.journeys.browsing import chromium, opened, serving
from tests.journeys.drawn_service import DrawnService

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # two busy cores are slow, and a wait costs nothing when they are not
DROP_FILE = """async ([type, bytes, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const event = type === "paste" ? null : new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
  document.getElementById("stage").dispatchEvent(event);
}"""
PASTE_FILE = """async ([type, bytes, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, DrawnService]]:
    """The stand-in service on a free port: its address and itself."""
    drawn = DrawnService()
    with serving(drawn.app()) as address:
        # Each demo photo is drawn once, when first asked for: here, so that no test waits for it.
        for copy in demo_copies():
            assert httpx.get(f"{address}/demo/{copy.name}.jpg", timeout=60).status_code == 200
        yield address, drawn


@pytest.fixture
def page(browser: Browser, service: tuple[str, DrawnService]) -> Iterator[Page]:
    """The console, opened; the test fails on any script error or blocked resource."""
    with opened(browser, service[0]) as page:
        yield page


@pytest.fixture(scope="module")
def partial_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo file of a design with another collar."""
    photo = demo_photo("partial-copy")
    assert photo is not None
    path = tmp_path_factory.mktemp("photos") / "partial.jpg"
    path.write_bytes(photo.jpeg())
    return path


def test_a_chosen_photo_is_checked_and_shown(page: Page, partial_copy: Path, tmp_path: Path) -> None:
    """Verdict in words, boxes, landmarks and regions over the photo, bars beside the match."""
    page.set_input_files("#file", partial_copy)
    expect(page.locator(".banner h2")).to_have_text("Partial copy")
    expect(page.locator(".banner")).to_contain_text(
        "The collar was altered; chest, waist, left sleeve and right sleeve agree."
    )
    expect(page.locator("#overlay .box")).to_have_count(1)
    expect(page.locator("#overlay .regions rect")).to_have_count(5)
    expect(page.locator("#overlay circle")).to_have_count(25)
    bars = page.locator(".match").first.locator(".region")
    expect(bars).to_have_count(5)
    expect(bars.first).to_have_attribute("data-state", "altered")
    expect(bars.nth(1)).to_contain_text("0.94 × 32 %")
    widths = bars.locator(".fill").evaluate_all("fills => fills.map(fill => fill.getBoundingClientRect().width)")
    assert 0 < widths[0] < widths[1]
    shot = tmp_path / "page.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000


def test_the_registered_photo_stands_beside_the_checked_one(page: Page, partial_copy: Path) -> None:
    """Side by side, with real pixels on both sides."""
    page.set_input_files("#file", partial_copy)
    pair = page.locator(".match").first.locator(".pair")
    expect(pair.locator("img")).not_to_have_js_property("naturalWidth", 0)
    painted = pair.locator("canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3]"
    )
    assert painted == 255


def test_toggles_hide_what_they_name(page: Page, partial_copy: Path) -> None:
    """Boxes, regions and landmarks can be taken off the photo."""
    page.set_input_files("#file", partial_copy)
    layers = {"boxes": ".boxes", "regions": ".regions", "landmarks": ".landmarks"}
    for layer, selector in layers.items():
        expect(page.locator(f"#overlay {selector}")).to_be_visible()
        page.locator(f'[data-layer="{layer}"]').uncheck()
        expect(page.locator(f"#overlay {selector}")).to_be_hidden()


def test_a_slider_asks_again_with_its_weight(page: Page, partial_copy: Path, service: tuple[str, DrawnService]) -> None:
    """Only the touched region is sent; the others keep their learned weight."""
    page.set_input_files("#file", partial_copy)
    collar = page.locator(".match").first.locator('.region[data-region="collar"] .number')
    expect(collar).to_have_text("0.38 × 24 %")
    page.locator("#weights-panel summary").click()
    page.locator("#weight-collar").fill("0.8")
    expect(collar).to_have_text("0.38 × 51 %")
    assert service[1].weights_seen[-1] == {"collar": 0.8}
    page.locator("#learned").click()
    expect(collar).to_have_text("0.38 × 24 %")
    assert service[1].weights_seen[-1] == {}


def test_a_text_file_is_refused_in_plain_words(page: Page) -> None:
    """The service's problem is shown, and the next photo works."""
    page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"})
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("This is not a picture Selvedge can read")
    expect(problem).to_contain_text("415 · unsupported_format")
    page.locator('[data-demo="original"]').click()
    expect(page.locator(".banner h2")).to_have_text("Clear")
    expect(page.locator(".banner")).not_to_contain_text("%")
    expect(problem).to_be_hidden()


def test_dropping_and_pasting_work_as_choosing_does(page: Page, partial_copy: Path) -> None:
    """Three ways in."""
    data = list(partial_copy.read_bytes())
    page.evaluate(DROP_FILE, ["image/jpeg", data, "dropped.jpg"])
    expect(page.locator(".banner h2")).to_have_text("Partial copy")
    page.reload()
    page.evaluate(PASTE_FILE, ["image/jpeg", data, "pasted.jpg"])
    expect(page.locator(".banner h2")).to_have_text("Partial copy")


@pytest.mark.parametrize(
    ("name", "title", "badge"),
    [
        ("colourway", "Design copy", None),
        ("flipped", "Design copy", "mirrored"),
        ("same-photo", "Image copy", "same photo"),
    ],
)
def test_demo_photos_show_every_kind_of_copy(page: Page, name: str, title: str, badge: str | None) -> None:
    """One click a kind."""
    page.locator(f'[data-demo="{name}"]').click()
    expect(page.locator(".banner h2")).to_have_text(title)
    expect(page.locator(".match").first.locator(".badge")).to_have_text([badge] if badge else [])


def test_warnings_versions_times_and_check_id_are_shown(page: Page) -> None:
    """What lowers trust, and what produced the answer."""
    page.locator('[data-demo="flipped"]').click()
    expect(page.locator(".warnings")).to_have_text("the garment is small in the photo, so details are lost")
    expect(page.locator("#check-id")).to_have_text("chk_01JDRAWN")
    expect(page.locator(".record")).to_contain_text("detect61 ms")
    expect(page.locator(".record")).to_contain_text("policyp1")
    page.get_by_role("button", name="Copy check id").click()
    expect(page.locator(".record button")).to_have_text(re.compile("Copied|Selected"))


def test_it_is_said_which_came_first(page: Page) -> None:
    """Where both sides carry a date."""
    page.locator('[data-demo="colourway"]').click()
    expect(page.locator(".match .first")).to_have_text("The registered design was published first.")


def test_words_of_an_item_are_never_markup(page: Page) -> None:
    """A title with tags stays text, and a javascript: address is no link."""
    page.locator('[data-demo="partial-copy"]').click()
    title = page.locator(".match").first.locator("h3")
    expect(title).to_have_text("<b>A title</b> that must stay text")
    expect(title.locator("b, a")).to_have_count(0)
    page.locator(".far summary").click()
    expect(page.locator(".far h3 a")).to_have_attribute("href", "https://shop.example/polo")


def test_missing_regions_and_photos_are_named(page: Page) -> None:
    """Out of the frame is not altered, and a photo that is gone leaves a word."""
    page.locator('[data-demo="partial-copy"]').click()
    page.locator(".far summary").click()
    stranger = page.locator(".far .match")
    expect(stranger.locator('.region[data-region="left_sleeve"]')).to_contain_text("missing: out of the frame")
    expect(stranger.locator(".gone")).to_have_count(1)


def test_several_garments_are_looked_at_one_by_one(page: Page) -> None:
    """The one with the photo's verdict first; a click shows another's matches and regions."""

    def twice(route: Route) -> None:
        answer = route.fetch().json()
        harmless = answer["garments"][0] | {"category": "trousers", "verdict": "clear", "matches": [], "landmarks": []}
        route.fulfill(json=answer | {"garments": [harmless, *answer["garments"]]})

    page.route("**/check-plagiarism", twice)
    page.locator('[data-demo="partial-copy"]').click()
    tabs = page.locator(".tabs button")
    expect(tabs).to_have_text(["trousers · Clear", "short sleeve top · Partial copy"])
    expect(tabs.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".match").first).to_contain_text("Altered: collar")
    tabs.first.click()
    expect(page.locator(".match")).to_have_count(0)
    expect(page.locator(".matches-head")).to_contain_text("No matches")
    expect(page.locator("#overlay .garment.chosen circle")).to_have_count(0)


def test_overload_says_when_to_come_back(page: Page) -> None:
    """A problem with Retry-After, and one without JSON at all."""
    headers = {"Content-Type": "application/problem+json", "Retry-After": "7"}
    body = '{"title": "Service Unavailable", "status": 503, "code": "overloaded", "detail": "the queue is full"}'
    page.route("**/check-plagiarism", lambda route: route.fulfill(status=503, headers=headers, body=body))
    page.locator('[data-demo="partial-copy"]').click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("Too many checks are waiting")
    expect(problem).to_contain_text("Try again in 7 s.")
    page.unroute("**/check-plagiarism")
    page.route("**/check-plagiarism", lambda route: route.fulfill(status=502, body="<html>bad gateway</html>"))
    page.locator('[data-demo="colourway"]').click()
    expect(problem).to_contain_text("The service answered 502")


def test_no_garment_is_an_answer(page: Page, tmp_path: Path) -> None:
    """An empty photo is said to be empty, not an error."""
    page.set_input_files("#file", {"name": "blank.png", "mimeType": "image/png", "buffer": _blank_png()})
    expect(page.locator(".banner h2")).to_have_text("No garment")
    expect(page.locator(".match")).to_have_count(0)


def test_a_design_can_be_registered(page: Page, partial_copy: Path, service: tuple[str, DrawnService]) -> None:
    """Needs an item id; says whether it is new."""
    page.set_input_files("#file", partial_copy)
    page.locator("#register-panel summary").click()
    page.locator("#register-button").click()
    expect(page.locator("#registered")).to_have_text("An item id is needed.")
    page.locator('[name="item_id"]').fill("SKU-9")
    page.locator('[name="title"]').fill("Polo with a sun")
    page.locator("#register-button").click()
    expect(page.locator("#registered")).to_contain_text("Registered as SKU-9")
    assert service[1].added[-1] == {"item_id": "SKU-9", "title": "Polo with a sun", "file": "partial.jpg"}
    page.locator("#register-button").click()
    expect(page.locator("#registered")).to_contain_text("already had this photo")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    """Tab reaches the demo photos, Enter checks one, Tab goes on to the match."""
    page.locator('[data-demo="partial-copy"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator(".banner h2")).to_have_text("Partial copy")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('match')"):
            return
    pytest.fail("Tab never reached a match")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(
    browser: Browser, service: tuple[str, DrawnService], theme: str
) -> None:
    """390 px, both themes."""
    phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=theme)
    phone.goto(service[0])
    phone.locator('[data-demo="partial-copy"]').click()
    expect(phone.locator(".banner h2")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    light = phone.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (light > 128) == (theme == "light")
    phone.close()


def _blank_png() -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (200, 200), "white").save(stream, "PNG")
    return stream.getvalue()
