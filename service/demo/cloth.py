"""Weaves and prints: a repeating tile a cloth, a picture a motif; drawn large and shrunk, so that edges are soft."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from service.demo.designs import Cloth, Colour, Graphic, Motif, Print

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
FINE = 4
"""Tiles and motifs are drawn this many times larger than they are shown."""


def paint_cloth(cloth: Cloth, u: Floats, v: Floats, pixels_per_unit: float) -> Floats:
    """The cloth's colour at texture coordinates u, v (H, W) in body widths; float32 (H, W, 3), 0..255."""
    side = max(4, round(cloth.period * pixels_per_unit))
    tile = draw_tile(cloth, side)
    cosine, sine = np.cos(cloth.angle), np.sin(cloth.angle)
    columns = ((u * cosine + v * sine) / cloth.period * side) % side
    rows = ((-u * sine + v * cosine) / cloth.period * side) % side
    # One row and column of the neighbour, so that interpolation runs over the seam between tiles.
    padded = np.pad(tile, ((0, 1), (0, 1), (0, 0)), mode="wrap")
    return np.asarray(
        cv2.remap(padded.astype(np.float32), columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR),
        dtype=np.float32,
    )


def draw_tile(cloth: Cloth, side: int) -> Pixels:
    """One repeat of the print, uint8 (side, side, 3)."""
    large = side * FINE
    tile = np.empty((large, large, 3), dtype=np.uint8)
    tile[:] = cloth.colours[0]
    if cloth.print is Print.STRIPED:
        _stripes(tile, cloth.colours)
    elif cloth.print is Print.CHECKED:
        _checks(tile, cloth.colours)
    elif cloth.print is Print.DOTTED:
        for place in ((0.25, 0.25), (0.75, 0.75)):
            _wrapped_circle(tile, place, 0.13, cloth.colours[1])
    elif cloth.print is Print.FLORAL:
        _flowers(tile, cloth)
    return np.asarray(cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _stripes(tile: Pixels, colours: tuple[Colour, ...]) -> None:
    large = len(tile)
    bands = colours[1:]
    height = large / (2 * len(bands))
    for number, colour in enumerate(bands):
        tile[int(2 * number * height) : int((2 * number + 1) * height)] = colour


def _checks(tile: Pixels, colours: tuple[Colour, ...]) -> None:
    half = len(tile) // 2
    ground, check = np.array(colours[0], np.float32), np.array(colours[1], np.float32)
    mixed = (0.5 * (ground + check)).astype(np.uint8)
    tile[:half] = mixed
    tile[:, :half] = mixed
    tile[:half, :half] = colours[1]
    if len(colours) > 2:
        line = max(1, len(tile) // 24)
        tile[3 * half // 2 : 3 * half // 2 + line] = colours[2]
        tile[:, 3 * half // 2 : 3 * half // 2 + line] = colours[2]


def _flowers(tile: Pixels, cloth: Cloth) -> None:
    rng = np.random.default_rng(cloth.seed)
    petals = cloth.colours[1:]
    for number, place in enumerate(_scattered(rng, 8, 0.27)):
        size, turn = rng.uniform(0.035, 0.075), rng.uniform(0, 2 * np.pi)
        colour = petals[number % len(petals)]
        for angle in turn + np.linspace(0, 2 * np.pi, 6)[:-1]:
            away = size * 1.1 * np.array([np.cos(angle), np.sin(angle)])
            _wrapped_circle(tile, tuple(place + away), size * 0.72, colour)
        _wrapped_circle(tile, tuple(place), size * 0.5, cloth.colours[0])
        leaf = place + 2.4 * size * np.array([np.cos(turn + 0.6), np.sin(turn + 0.6)])
        _wrapped_circle(tile, tuple(leaf), size * 0.55, petals[-1])


def _scattered(rng: np.random.Generator, count: int, apart: float) -> list[npt.NDArray[np.float64]]:
    """Places (2,) on a tile that wraps around, none nearer than `apart` where room is left."""
    places: list[npt.NDArray[np.float64]] = []
    for _ in range(40 * count):
        place = rng.random(2)
        gaps = [np.abs(place - other) for other in places]
        if all(np.linalg.norm(np.minimum(gap, 1 - gap)) >= apart for gap in gaps):
            places.append(place)
    return places[:count]


def _wrapped_circle(tile: Pixels, place: tuple[float, ...], radius: float, colour: Colour) -> None:
    """A disc that leaves the tile on one side comes in again on the other."""
    large = len(tile)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            centre = (int((place[0] % 1 + dx) * large), int((place[1] % 1 + dy) * large))
            cv2.circle(tile, centre, int(radius * large), colour, -1, cv2.LINE_AA)


def draw_graphic(graphic: Graphic, width: int) -> tuple[Pixels, Floats]:
    """The motif `width` px wide: uint8 (width, width, 3) and its alpha float32 (width, width), 0..1."""
    large = width * FINE
    paint = np.empty((large, large, 3), dtype=np.uint8)
    paint[:] = graphic.colours[0]
    alpha = np.zeros((large, large), dtype=np.uint8)
    _MOTIFS[graphic.motif](paint, alpha, graphic)
    size = (width, width)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.resize(paint, size, interpolation=cv2.INTER_AREA), np.uint8), np.asarray(small, np.float32)


def _colour(graphic: Graphic, number: int) -> Colour:
    return graphic.colours[number % len(graphic.colours)]


def _shape(paint: Pixels, alpha: Pixels, corners: npt.ArrayLike, colour: Colour) -> None:
    outline = [np.round(np.asarray(corners) * len(alpha)).astype(np.int32).reshape(-1, 1, 2)]
    cv2.fillPoly(paint, outline, colour, cv2.LINE_AA)
    cv2.fillPoly(alpha, outline, 255, cv2.LINE_AA)


def _disc(x: float, y: float, radius: float, squash: float = 1.0) -> npt.NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 72)
    return np.stack([x + radius * np.cos(angle), y + squash * radius * np.sin(angle)], axis=1)


def _sun(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    _shape(paint, alpha, _disc(0.5, 0.5, 0.46), _colour(graphic, 0))
    for number in range(6):
        y = 0.52 + 0.075 * number
        band = 0.012 + 0.006 * number
        _shape(paint, alpha, [(0, y), (1, y), (1, y + band), (0, y + band)], _colour(graphic, 1))
    inside = np.zeros_like(alpha)
    cv2.circle(inside, (len(alpha) // 2, len(alpha) // 2), int(0.46 * len(alpha)), 255, -1, cv2.LINE_AA)
    np.minimum(alpha, inside, out=alpha)


def _mountain(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    _shape(paint, alpha, _disc(0.68, 0.27, 0.13), _colour(graphic, 2))
    _shape(paint, alpha, [(0.3, 0.85), (0.68, 0.38), (1.0, 0.85)], _colour(graphic, 1))
    _shape(paint, alpha, [(0.0, 0.85), (0.38, 0.2), (0.76, 0.85)], _colour(graphic, 0))
    _shape(paint, alpha, [(0.28, 0.38), (0.38, 0.2), (0.48, 0.38), (0.42, 0.34), (0.36, 0.4)], _colour(graphic, 2))


def _waves(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    x = np.linspace(0.03, 0.97, 60)
    for number in range(5):
        top = 0.2 + 0.14 * number + 0.045 * np.sin(14 * x + number)
        band = np.concatenate([np.stack([x, top], 1), np.stack([x, top + 0.06], 1)[::-1]])
        _shape(paint, alpha, band, _colour(graphic, number))


def _star(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    for number, size in enumerate((0.5, 0.36, 0.2)):
        angle = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
        reach = size * np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        corners = np.stack([0.5 + reach * np.cos(angle), 0.53 + reach * np.sin(angle)], 1)
        _shape(paint, alpha, corners, _colour(graphic, number))


def _leaf(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    for number, angle in enumerate(np.linspace(-1.2, 1.2, 5)):
        t = np.linspace(0, np.pi, 30)
        along, across = 0.62 * (1 - np.cos(t)) / 2, 0.09 * np.sin(t)
        edge = np.concatenate([np.stack([across, -along], 1), np.stack([-across, -along], 1)[::-1]])
        turned = edge @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        _shape(paint, alpha, turned + (0.5, 0.78), _colour(graphic, number))
    _shape(paint, alpha, [(0.485, 0.75), (0.515, 0.75), (0.53, 0.98), (0.49, 0.98)], _colour(graphic, 0))


def _cat(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    face, detail = _colour(graphic, 0), _colour(graphic, 1)
    _shape(paint, alpha, [(0.14, 0.05), (0.42, 0.3), (0.14, 0.5)], face)
    _shape(paint, alpha, [(0.86, 0.05), (0.58, 0.3), (0.86, 0.5)], face)
    _shape(paint, alpha, _disc(0.5, 0.56, 0.4, 0.86), face)
    for x in (0.35, 0.65):
        _shape(paint, alpha, _disc(x, 0.5, 0.07, 1.2), detail)
        _shape(paint, alpha, _disc(x, 0.5, 0.028, 2.4), face)
    _shape(paint, alpha, [(0.45, 0.64), (0.55, 0.64), (0.5, 0.7)], detail)
    for side in (-1, 1):
        for slope in (-0.06, 0.0, 0.06):
            tip = (0.5 + side * 0.47, 0.68 + slope)
            _shape(paint, alpha, [(0.5 + side * 0.12, 0.675), tip, (0.5 + side * 0.12, 0.69)], detail)


def _blocks(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    for number, (x, y, w, h) in enumerate(
        [(0.05, 0.08, 0.5, 0.36), (0.6, 0.08, 0.35, 0.5), (0.05, 0.5, 0.28, 0.42), (0.38, 0.64, 0.57, 0.28)]
    ):
        _shape(paint, alpha, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], _colour(graphic, number))


def _word(paint: Pixels, alpha: Pixels, graphic: Graphic) -> None:
    large = len(alpha)
    font = cv2.FONT_HERSHEY_DUPLEX
    lines = (graphic.word or "selvedge").upper().split()
    for number, line in enumerate(lines):
        (wide, tall), _ = cv2.getTextSize(line, font, 1.0, 2)
        scale = min(0.94 * large / wide, 0.7 * large / len(lines) / tall)
        base = int(large * (0.5 + (number + 0.5 - len(lines) / 2) * 0.9 / len(lines)) + tall * scale / 2)
        place = (int((large - wide * scale) / 2), base)
        cv2.putText(paint, line, place, font, scale, _colour(graphic, number), int(3.4 * scale), cv2.LINE_AA)
        cv2.putText(alpha, line, place, font, scale, 255, int(3.4 * scale), cv2.LINE_AA)


_MOTIFS = {
    Motif.SUN: _sun,
    Motif.MOUNTAIN: _mountain,
    Motif.WAVES: _waves,
    Motif.STAR: _star,
    Motif.LEAF: _leaf,
    Motif.CAT: _cat,
    Motif.BLOCKS: _blocks,
    Motif.WORD: _word,
}
