"""`python -m tests.benchmarks.edit_sheets`: a contact sheet of each edit of the data engine, on drawn garments.

It stands here because it needs both the renderer of the demo and the data engine, which may not know each other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from models.geometry import Box
from models.regions import locate_regions
from models.taxonomy import RegionName
from models.training.data import creases, edit_fabric, region_edits, rephotograph
from models.training.data.garment_picture import GarmentPicture, Mask, Pixels
from models.training.data.longer_sleeves import lengthen_sleeves
from models.training.data.other_category import cut_sleeves_short
from models.training.data.patterns import draw_ground
from models.training.data.reframing import crop_picture
from models.training.data.rephotograph import Odds
from service.demo.designs import GarmentDesign
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE

PHOTO = (400, 480)
TILE = (168, 202)
"""Drawn twice as large and made small, so that the camera's grain does not fill the file."""
CAPTION = 20
COLOURS = 256
MARGIN = 0.12
"""Around the garment, as a share of its larger side: sheets of edits show little of the ground."""
RED, INK, PAPER = (214, 40, 40), (40, 40, 40), (255, 255, 255)
TRIES = 40

Draw = Callable[[GarmentPicture, np.random.Generator], GarmentPicture | None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """An edit on some regions of two designs of the demo's wardrobe; `about` is its caption."""

    edit: str
    about: str
    regions: tuple[RegionName, ...]
    designs: tuple[str, str]


COLLAR, CHEST, WAIST = (RegionName.COLLAR,), (RegionName.CHEST,), (RegionName.WAIST,)
SLEEVE = (RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE)

SHEETS = (
    Sheet("recolour", "recoloured", CHEST, ("cat-tee", "block-jumper")),
    Sheet("fabric", "another fabric", SLEEVE, ("summit-tee", "green-hoodie")),
    Sheet("other_cloth", "cloth of another garment", WAIST, ("ringer-tee", "dot-dress")),
    Sheet("print_removed", "print removed", CHEST, ("cat-tee", "mosaic-sweat")),
    Sheet("print_added", "print added", CHEST, ("plain-polo", "block-jumper")),
    Sheet("print_replaced", "print replaced", CHEST, ("sunset-tee", "star-tee")),
    Sheet("print_mirrored", "print mirrored", CHEST, ("summit-tee", "surf-tee")),
    Sheet("mosaic", "mosaic", CHEST, ("sunset-tee", "rose-jumper")),
    Sheet("words_swapped", "words swapped", CHEST, ("ringer-tee", "star-tee")),
    Sheet("crew_collar", "crew neck", COLLAR, ("surf-tee", "rose-jumper")),
    Sheet("v_collar", "V neck", COLLAR, ("sunset-tee", "block-jumper")),
    Sheet("stand_collar", "stand collar", COLLAR, ("cat-tee", "multi-stripe")),
    Sheet("polo_collar", "polo collar", COLLAR, ("dot-tee", "breton-tee")),
    Sheet("deeper_neck", "neck cut deeper", COLLAR, ("summit-tee", "mosaic-sweat")),
    Sheet("closed_neck", "neck closed", COLLAR, ("breton-tee", "surf-tee")),
    Sheet("neck_band", "neck band", COLLAR, ("cat-tee", "garden-dress")),
    Sheet("pointed_collar", "pointed collar", COLLAR, ("star-tee", "multi-stripe")),
    Sheet("shorter_sleeve", "sleeves shortened", SLEEVE, ("lumber-shirt", "sunset-tee")),
    Sheet("cuff", "cuffs added", SLEEVE, ("cat-tee", "rose-jumper")),
    Sheet("band", "bands", SLEEVE, ("sunset-tee", "mosaic-sweat")),
    Sheet("waist_shape", "waist shaped", WAIST, ("breton-tee", "garden-dress")),
    Sheet("shorter_hem", "hem cut", WAIST, ("dot-dress", "pin-shirt")),
    Sheet("border", "border at the hem", WAIST, ("surf-tee", "gingham-dress")),
    Sheet("pocket", "pockets", WAIST, ("cat-tee", "multi-stripe")),
    Sheet("short_sleeves", "sleeves made short", SLEEVE, ("lumber-shirt", "mosaic-sweat")),
    Sheet("long_sleeves", "sleeves made long", SLEEVE, ("breton-tee", "sunset-tee")),
)
OF_THE_WHOLE = {"short_sleeves": cut_sleeves_short, "long_sleeves": lengthen_sleeves}
"""Edits that are no one region's: the copy is of another category."""
PHOTO_DESIGN = "ringer-tee"


def main(
    out: Annotated[Path, typer.Option(help="Folder for the sheets.")] = Path("docs/images/edits"),
    only: Annotated[list[str] | None, typer.Option(help="Names of edits, or `photo`; all by default.")] = None,
) -> None:
    """Draw the contact sheets: original | edited, the altered regions outlined.

    Example: python -m tests.benchmarks.edit_sheets --out docs/images/edits
    """
    out.mkdir(parents=True, exist_ok=True)
    donors = [patch for name in ("dot-tee", "holiday-shirt", "check-overshirt") if (patch := _patch(name)) is not None]
    for sheet in SHEETS:
        if not only or sheet.edit in only:
            _save(edit_sheet(sheet, donors), out / f"{sheet.edit}.png")
    if not only or "photo" in only:
        _save(photo_sheet(), out / "photo.png")


def edit_sheet(sheet: Sheet, donors: Sequence[Pixels]) -> PillowImage.Image:
    """Both designs, each as it was and altered, side by side. Raises LookupError where the edit suits no region."""
    tiles = []
    for number, name in enumerate(sheet.designs):
        before = drawn(name)
        after = altered(sheet, before, np.random.default_rng([number, 8]), donors)
        masks = [before.mask, after.mask]
        if before.mask.shape == after.mask.shape:
            masks = [before.mask | after.mask] * 2
        windows = [_around(mask) for mask in masks]
        tiles += [_tile(before, "original", (), windows[0]), _tile(after, sheet.about, sheet.regions, windows[1])]
    return _row(tiles)


def altered(
    sheet: Sheet, picture: GarmentPicture, rng: np.random.Generator, donors: Sequence[Pixels]
) -> GarmentPicture:
    """The sheet's edit on each of its regions, drawn again until it shows, as `alter_regions` does."""
    if sheet.edit in OF_THE_WHOLE:
        made = OF_THE_WHOLE[sheet.edit](picture, rng)
        if made is None:
            raise LookupError(f"{sheet.edit} does not suit this garment")
        return made.picture
    for region in sheet.regions:
        state = rng.bit_generator.state
        for _ in range(TRIES):
            edited = _edit(sheet.edit, region, donors)(picture, rng)
            if edited is not None and region_edits.visible_change(picture, edited, region) >= 0.1:
                break
        else:
            raise LookupError(f"{sheet.edit} does not show on the {region}")
        # Both sleeves alike: the second draws what the first drew.
        rng.bit_generator.state = state
        picture = edited
    return picture


def photo_sheet() -> PillowImage.Image:
    """What happens to the whole photo, one thing at a time, in two rows."""
    before = drawn(PHOTO_DESIGN)
    tiles = [_tile(before, "original", ())]
    for number, (caption, draw) in enumerate(photo_changes().items()):
        after = draw(before, np.random.default_rng([number, 3]))
        assert after is not None
        tiles.append(_tile(after, caption, ()))
    half = (len(tiles) + 1) // 2
    rows = [_row(tiles[:half]), _row(tiles[half:])]
    sheet = PillowImage.new("RGB", (rows[0].width, 2 * rows[0].height), PAPER)
    for number, row in enumerate(rows):
        sheet.paste(row, (0, number * rows[0].height))
    return sheet


def photo_changes() -> dict[str, Draw]:
    """Caption → a change of the whole photo."""

    def again(hardness: float, **odds: float) -> Draw:
        chances = Odds(**({"flip": 0.0, "colourway": 0.0, "watermark": 0.0} | odds))

        def draw(picture: GarmentPicture, rng: np.random.Generator) -> GarmentPicture:
            ground = draw_ground(rng, 240, 200)
            return rephotograph.rephotograph(
                picture.pixels, picture.mask, picture.landmarks, ground, rng, hardness, odds=chances
            ).picture

        return draw

    def creased(picture: GarmentPicture, rng: np.random.Generator) -> GarmentPicture:
        return replace(picture, pixels=creases.crease(picture.pixels, picture.mask, rng))

    def ironed(picture: GarmentPicture, rng: np.random.Generator) -> GarmentPicture:
        return replace(picture, pixels=creases.iron(picture.pixels, rng))

    return {
        "another ground": again(0.0),
        "pose, light, warp": again(1.0),
        "other folds": creased,
        "ironed": ironed,
        "other colourway": again(0.3, colourway=1.0),
        "flipped": again(0.3, flip=1.0),
        "watermark": again(0.3, watermark=1.0),
        "cropped": lambda picture, rng: crop_picture(picture, rng, (0.5, 0.65)),
        "recompressed": recompressed,
    }


def recompressed(picture: GarmentPicture, rng: np.random.Generator) -> GarmentPicture:
    """A JPEG of poor quality, as a shop's third thumbnail of a thumbnail."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(8, 14))]
    encoded = cv2.imencode(".jpg", picture.pixels[..., ::-1], quality)[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return replace(picture, pixels=np.ascontiguousarray(decoded[..., ::-1]))


@functools.cache
def drawn(name: str) -> GarmentPicture:
    """A design of the wardrobe as a photo with mask and landmarks."""
    design: GarmentDesign = next(design for design in WARDROBE if design.name == name)
    photo = render(design, Scene.drawn(20 + WARDROBE.index(design), *PHOTO))
    return GarmentPicture(photo.pixels, photo.mask.astype(np.uint8), photo.landmarks)


def _patch(name: str) -> Pixels | None:
    return region_edits.cut_patch(drawn(name))


def _edit(name: str, region: RegionName, donors: Sequence[Pixels]) -> Draw:
    if name == "print_mirrored":
        return lambda picture, _: edit_fabric.mirror_print(picture, region)
    edit, _ = region_edits.every_edit_for(region, donors)[name]
    return lambda picture, rng: edit(picture, region, rng)


def _around(mask: Mask) -> Box:
    """The garment with a margin and in the shape of a tile; it may stick out of the photo."""
    x, y, width, height = cv2.boundingRect(mask)
    scale = (1 + 2 * MARGIN) * max(width / TILE[0], height / TILE[1])
    wide, tall = scale * TILE[0], scale * TILE[1]
    left, top = x + width / 2 - wide / 2, y + height / 2 - tall / 2
    return Box(left, top, left + wide, top + tall)


def _tile(
    picture: GarmentPicture, caption: str, regions: Sequence[RegionName], window: Box | None = None
) -> PillowImage.Image:
    """The picture, or a window of it, made small over its caption; `regions` outlined."""
    window = window or Box(0, 0, picture.width, picture.height)
    scale = min(TILE[0] / window.width, TILE[1] / window.height)
    size = (round(window.width * scale), round(window.height * scale))
    spare = max(picture.width, picture.height)
    wide = cv2.copyMakeBorder(picture.pixels, *(spare,) * 4, cv2.BORDER_REPLICATE)
    left, top = round(window.x1) + spare, round(window.y1) + spare
    seen = wide[top : top + round(window.height), left : left + round(window.width)]
    small = PillowImage.fromarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA))
    pen = ImageDraw.Draw(small)
    located = locate_regions(picture.landmarks, picture.width, picture.height)
    for region in regions:
        box = located[region.row].box
        if box is not None:
            corner = np.array([window.x1, window.y1] * 2)
            pen.rectangle(((box.as_array() - corner) * scale).tolist(), outline=RED, width=2)
    tile = PillowImage.new("RGB", (TILE[0], TILE[1] + CAPTION), PAPER)
    tile.paste(small, ((TILE[0] - size[0]) // 2, (TILE[1] - size[1]) // 2))
    ImageDraw.Draw(tile).text((TILE[0] / 2, TILE[1] + CAPTION / 2), caption, INK, ImageFont.load_default(12), "mm")
    return tile


def _row(tiles: Sequence[PillowImage.Image]) -> PillowImage.Image:
    row = PillowImage.new("RGB", (len(tiles) * (TILE[0] + 6) - 6, tiles[0].height), PAPER)
    for number, tile in enumerate(tiles):
        row.paste(tile, (number * (TILE[0] + 6), 0))
    return row


def _save(sheet: PillowImage.Image, path: Path) -> None:
    """As a PNG of few colours: sheets are looked at, not measured."""
    few = sheet.quantize(COLOURS, PillowImage.Quantize.MEDIANCUT, dither=PillowImage.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    typer.run(main)
