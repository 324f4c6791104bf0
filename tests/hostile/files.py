"""What a hostile file is, and the chunks that file formats are built of."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from tests.photos import draw_pattern, saved

SEEN = frozenset({200})
REFUSED = frozenset({413, 415, 422})
EITHER = SEEN | REFUSED
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class HostileFile:
    """`expected`: the answers one of which is right; a 5xx never is, nor is none."""

    name: str
    data: bytes
    expected: frozenset[int] = EITHER


def picture(mode: str = "RGB", seed: int = 1) -> PillowImage.Image:
    """The pattern of the tests, 240×300."""
    return PillowImage.fromarray(draw_pattern(seed)).convert(mode)


def plain_files() -> dict[str, bytes]:
    """A good file of each format."""
    return {
        "jpeg": saved(picture(), "JPEG", quality=92),
        "png": saved(picture(), "PNG"),
        "webp": saved(picture(), "WEBP", lossless=True),
        "gif": saved(picture("P"), "GIF"),
    }


def chunk(name: bytes, data: bytes, length: int | None = None, checksum: int | None = None) -> bytes:
    """A PNG chunk; length and checksum may lie."""
    right = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data) if length is None else length) + name + data + struct.pack(">I", right)


def png(width: int, height: int, *before: bytes, depth: int = 8, colour: int = 2, pixels: bytes | None = None) -> bytes:
    """A PNG of chunks; `pixels` are the compressed rows."""
    rows = zlib.compress(bytes(1000), 9) if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG_MAGIC + chunk(b"IHDR", header) + b"".join(before) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def good_png(*before: bytes) -> bytes:
    """A PNG of the pattern with chunks before its pixels."""
    pixels = draw_pattern(1)
    rows = np.hstack([np.zeros((pixels.shape[0], 1), np.uint8), pixels.reshape(pixels.shape[0], -1)])
    return png(pixels.shape[1], pixels.shape[0], *before, pixels=zlib.compress(rows.tobytes()))


def segment(marker: int, data: bytes, length: int | None = None) -> bytes:
    """A JPEG segment; its length may lie."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
