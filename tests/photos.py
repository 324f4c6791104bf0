"""Photos made by hand: a pattern that stands for a garment, and every kind of file that a service is sent."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from models.geometry import Box
from models.taxonomy import RegionName
from tests.fakes import fake_region_boxes

Pixels = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 240, 300
GARMENT = Box(0.1 * WIDTH, 0.1 * HEIGHT, 0.9 * WIDTH, 0.9 * HEIGHT)


def draw_pattern(seed: int) -> Pixels:
    """uint8 (300, 240, 3): blocks of grey, another picture for every seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, size=(30, 24, 3), dtype=np.uint8)
    return blocks.repeat(10, axis=0).repeat(10, axis=1)


def with_other_region(pixels: Pixels, region: RegionName, seed: int = 99) -> Pixels:
    """The pattern with one region of the fake garment drawn anew."""
    box = fake_region_boxes(GARMENT)[region.row]
    altered = pixels.copy()
    place = (slice(int(box.y1), int(box.y2)), slice(int(box.x1), int(box.x2)))
    altered[place] = draw_pattern(seed)[place]
    return altered


def encode(pixels: Pixels, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    PillowImage.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def photo(seed: int) -> bytes:
    """A PNG of the pattern."""
    return encode(draw_pattern(seed))


def saved(picture: PillowImage.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def cmyk_jpeg(seed: int) -> bytes:
    return saved(PillowImage.fromarray(draw_pattern(seed)).convert("CMYK"), "JPEG", quality=95)


def sixteen_bit_png(seed: int) -> bytes:
    grey = np.asarray(PillowImage.fromarray(draw_pattern(seed)).convert("L")).astype(np.uint16) * 257
    return saved(PillowImage.fromarray(grey), "PNG")


def palette_with_transparency(seed: int) -> bytes:
    picture = PillowImage.fromarray(draw_pattern(seed)).quantize(64)
    return saved(picture, "PNG", transparency=0)


def exif_rotated_jpeg(seed: int) -> bytes:
    """Lies on its side; the tag says to turn it by 90° clockwise, back to 240×300."""
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    return saved(PillowImage.fromarray(np.rot90(draw_pattern(seed))), "JPEG", exif=exif, quality=95)


def animated_gif(seed: int) -> bytes:
    frames = [PillowImage.fromarray(draw_pattern(seed + step)) for step in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def animated_webp(seed: int) -> bytes:
    frames = [PillowImage.fromarray(draw_pattern(seed + step)) for step in range(3)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def png_bomb(width: int = 10_000, height: int = 10_000) -> bytes:
    """A few kilobytes that unfold to 100 million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def one_colour(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """The fake describer sees no garment here."""
    return encode(np.full((height, width, 3), 200, np.uint8))
