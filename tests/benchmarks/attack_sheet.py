"""`python -m tests.benchmarks.attack_sheet`: a contact sheet of the ten ways in which a picture is reused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont, ImageOps

from models.training.data.image_attacks import Attack, PictureThief
from tests.benchmarks.edit_sheets import CAPTION, COLOURS, INK, PAPER, TILE, drawn

STOLEN = "ringer-tee"
OTHERS = ("dot-dress", "lumber-shirt", "rose-jumper", "cat-tee")
COLUMNS = 6


def main(out: Annotated[Path, typer.Option(help="The sheet.")] = Path("docs/images/edits/attacks.png")) -> None:
    """Draw the sheet: the registered picture, then each attack on it.

    Example: python -m tests.benchmarks.attack_sheet --out docs/images/edits/attacks.png
    """
    picture = drawn(STOLEN).pixels
    thief = PictureThief(tuple(drawn(name).pixels for name in OTHERS))
    tiles = [_tile(PillowImage.fromarray(picture), "registered")]
    for attack in Attack:
        data = thief.reuse(STOLEN, picture, attack, seed=3)
        tiles.append(_tile(PillowImage.open(io.BytesIO(data)), attack.value))
    wide, tall = tiles[0].size
    rows = -(-len(tiles) // COLUMNS)
    sheet = PillowImage.new("RGB", (wide * COLUMNS, tall * rows), PAPER)
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % COLUMNS * wide, number // COLUMNS * tall))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS).save(out, optimize=True)


def _tile(photo: PillowImage.Image, caption: str) -> PillowImage.Image:
    """The photo, made small over its caption."""
    small = ImageOps.contain(photo.convert("RGB"), (TILE[0] - 8, TILE[1] - 8))
    tile = PillowImage.new("RGB", (TILE[0], TILE[1] + CAPTION), PAPER)
    tile.paste(small, ((TILE[0] - small.width) // 2, (TILE[1] - small.height) // 2))
    ImageDraw.Draw(tile).text((TILE[0] / 2, TILE[1] + CAPTION / 2), caption, INK, ImageFont.load_default(12), "mm")
    return tile


if __name__ == "__main__":
    typer.run(main)
