"""The demo catalogue: two dozen drawn designs, and four photos to try against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from service.demo.designs import Collar, GarmentDesign
from service.demo.recolouring import recoloured
from service.demo.renderer import RenderedPhoto, render, rephotographed
from service.demo.scenes import Scene
from service.demo.wardrobe import CREAM, UNREGISTERED, WARDROBE

PHOTO_WIDTH, PHOTO_HEIGHT = 600, 720
SELLER = "selvedge-demo"
_FIRST_PUBLISHED = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoItem:
    """A demo design as it is registered; `jpeg` its catalogue photo."""

    item_id: str
    title: str
    seller_id: str
    published_at: datetime
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class DemoCopy:
    """A photo to try: what it copies (`item_id`, None for nothing) and how, in words."""

    name: str
    title: str
    item_id: str | None
    altered: tuple[str, ...]
    design: GarmentDesign
    scene: Scene

    def render(self) -> RenderedPhoto:
        return render(self.design, self.scene)


def demo_scene(seed: int) -> Scene:
    return Scene.drawn(seed, PHOTO_WIDTH, PHOTO_HEIGHT)


def demo_catalogue() -> Iterator[DemoItem]:
    """The registered designs, drawn one by one as they are asked for (about half a second each)."""
    for number, design in enumerate(WARDROBE):
        yield DemoItem(
            item_id=f"demo-{design.name}",
            title=design.title,
            seller_id=SELLER,
            published_at=_FIRST_PUBLISHED + timedelta(days=3 * number),
            jpeg=render(design, demo_scene(number)).jpeg(),
        )


def demo_copies() -> tuple[DemoCopy, ...]:
    """One partial copy, one other colourway, one flipped re-photograph, one stranger, one picture reused."""
    by_name = {design.name: (number, design) for number, design in enumerate(WARDROBE)}
    number, sun = by_name["sunset-tee"]
    partial = replace(
        sun, name="partial-copy", title="Sunset tee with another collar", collar=Collar.SHIRT, collar_colour=CREAM
    )
    floral_number, floral = by_name["garden-dress"]
    colourway = replace(recoloured(floral, 110), name="colourway", title="Garden dress in another colour")
    check_number, check = by_name["lumber-shirt"]
    photo_number, cat = by_name["cat-tee"]

    def again(before: int, seed: int, flipped: bool = False) -> Scene:
        return rephotographed(demo_scene(before), seed, flipped=flipped)

    return (
        DemoCopy("partial-copy", partial.title, f"demo-{sun.name}", ("collar",), partial, again(number, 101)),
        DemoCopy("colourway", colourway.title, f"demo-{floral.name}", (), colourway, again(floral_number, 142)),
        DemoCopy(
            "flipped", "Lumber shirt, flipped", f"demo-{check.name}", (), check, again(check_number, 103, flipped=True)
        ),
        DemoCopy("same-photo", "Cat tee, the very picture", f"demo-{cat.name}", (), cat, demo_scene(photo_number)),
        DemoCopy("original", UNREGISTERED.title, None, (), UNREGISTERED, demo_scene(104)),
    )


def demo_photo(name: str) -> RenderedPhoto | None:
    """The photo of that name among the copies, or None."""
    return next((copy.render() for copy in demo_copies() if copy.name == name), None)
