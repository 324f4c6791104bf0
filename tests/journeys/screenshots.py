"""Takes the documentation's pictures of a running service: `python -m tests.journeys.screenshots URL FOLDER [DEMO]`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.journeys.browsing import chromium

VIEWS = (("page-light", "light", 1280, 900), ("page-dark", "dark", 1280, 900), ("page-phone", "light", 390, 844))


def take(browser: Browser, address: str, folder: Path, demo: str) -> None:
    """The answer to a demo photo, in both themes and on a phone."""
    for name, theme, width, height in VIEWS:
        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light"
        )
        page.goto(address)
        for picture in page.locator(".demo img").all():
            expect(picture).not_to_have_js_property("naturalWidth", 0)
        page.locator(f'[data-demo="{demo}"]').click()
        expect(page.locator(".match").first.locator(".pair img")).not_to_have_js_property("naturalWidth", 0)
        page.screenshot(path=folder / f"{name}.png", full_page=width < 600)
        page.close()


def main() -> None:
    address, folder = sys.argv[1], Path(sys.argv[2])
    demo = sys.argv[3] if len(sys.argv) > 3 else "partial-copy"
    expect.set_options(timeout=60_000)
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        take(browser, address, folder, demo)


if __name__ == "__main__":
    main()
