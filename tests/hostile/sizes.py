"""Bombs, animations and headers that promise more than there is."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image as PillowImage

from tests.hostile.files import (
    REFUSED,
    SEEN,
    HostileFile,
    chunk,
    good_png,
    picture,
    plain_files,
    png,
    riff,
    segment,
)

TOO_LARGE = frozenset({413})


def bombs() -> Iterator[HostileFile]:
    """Little that unfolds to much."""
    for width, height in ((7_000, 7_000), (12_001, 40), (50_000, 50_000), (2**31 - 1, 2**31 - 1), (65_535, 1_000)):
        for depth, colour in ((1, 0), (8, 6), (16, 2)):
            data = png(width, height, depth=depth, colour=colour)
            yield HostileFile(f"bomb-{width}x{height}-{depth}bit-colour{colour}.png", data, TOO_LARGE)
    within = zlib.compress(bytes((6_000 // 8 + 1) * 6_000), 9)
    yield HostileFile("bomb-36-megapixels-1bit.png", png(6_000, 6_000, depth=1, colour=0, pixels=within), SEEN)
    for width, height in ((0, 0), (0, 300), (2**32 - 1, 300), (31, 300)):
        yield HostileFile(f"odd-{width}x{height}.png", png(width, height), REFUSED)
    for width, height in ((65_535, 65_535), (12_001, 100), (0, 0)):
        screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
        frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
        yield HostileFile(f"bomb-{width}x{height}.gif", screen + frame + b";", REFUSED)
    small_screen = b"GIF89a" + struct.pack("<HHBBB", 100, 100, 0, 0, 0)
    grown = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x4c\x01\x00"
    yield HostileFile("frame-beyond-screen.gif", small_screen + grown + b";", TOO_LARGE)
    for height, width in ((65_535, 65_535), (12_001, 64), (0, 100)):
        frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
        data = b"\xff\xd8" + frame + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x00" * 50 + b"\xff\xd9"
        yield HostileFile(f"bomb-{width}x{height}.jpeg", data, REFUSED)
    yield HostileFile("scans-bomb.jpeg", scans_bomb(), TOO_LARGE)
    yield HostileFile("99-scans.jpeg", scans_bomb(2_000, 85), SEEN)
    yield from _webp_bombs()
    yield from _text_bombs()


def _webp_bombs() -> Iterator[HostileFile]:
    largest = struct.pack("<I", 16_383)[:3]
    canvas = b"\x02\0\0\0" + largest + largest
    frame = bytes(6) + largest + largest + bytes(4) + b"VP8L" + struct.pack("<I", 6) + b"\x2f\xff\xff\xff\x0f\0"
    yield HostileFile("bomb-canvas.webp", riff((b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", frame)), TOO_LARGE)
    yield HostileFile("bomb-lossless.webp", riff((b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(20))), TOO_LARGE)
    lossy = b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383) + bytes(50)
    yield HostileFile("bomb-lossy.webp", riff((b"VP8 ", lossy)), TOO_LARGE)


def scans_bomb(side: int = 6_000, scans: int = 20_000) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each passes over all blocks, and takes few bytes."""
    out = io.BytesIO()
    PillowImage.new("L", (side, side), 128).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def _text_bombs() -> Iterator[HostileFile]:
    """What is beside the pixels unfolds too."""
    much = zlib.compress(bytes(50_000_000), 9)
    yield HostileFile("text-bomb.png", good_png(chunk(b"zTXt", b"comment\0\0" + much)))
    yield HostileFile("itxt-bomb.png", good_png(chunk(b"iTXt", b"comment\0\1\0\0\0" + much)))
    yield HostileFile("icc-bomb.png", good_png(chunk(b"iCCP", b"profile\0\0" + much)))
    many = b"".join(chunk(b"tEXt", b"k%d\0v" % n) for n in range(20_000))
    yield HostileFile("20000-texts.png", good_png(many))
    yield HostileFile("pixels-bomb.png", png(240, 300, pixels=much))


def animations() -> Iterator[HostileFile]:
    """The first frame is seen; too many are too many."""
    for count in (2, 50, 999, 1_500):
        frames = [PillowImage.new("L", (64, 64), n % 256) for n in range(count)]
        for kind in ("GIF", "PNG"):
            out = io.BytesIO()
            frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=20)
            expected = TOO_LARGE if count > 1_000 else SEEN
            yield HostileFile(f"animated-{count}.{kind.lower()}", out.getvalue(), expected)
    out = io.BytesIO()
    picture().save(out, "WEBP", save_all=True, append_images=[picture(seed=n) for n in range(2, 6)], lossless=True)
    yield HostileFile("animated-5.webp", out.getvalue(), SEEN)
    canvas = b"\x02\0\0\0" + struct.pack("<I", 63)[:3] * 2
    frames_of_nothing = [(b"ANMF", bytes(16))] * 5_000
    yield HostileFile("5000-empty-frames.webp", riff((b"VP8X", canvas), *frames_of_nothing), TOO_LARGE)
    for told, plays in ((0, 0), (1, 0), (2**32 - 1, 0), (1_001, 2**32 - 1)):
        data = good_png(chunk(b"acTL", struct.pack(">II", told, plays)))
        yield HostileFile(f"apng-says-{told}-frames.png", data, TOO_LARGE if told > 1_000 else SEEN | REFUSED)
    for length in (0, 4, 7):
        yield HostileFile(f"apng-actl-of-{length}.png", good_png(chunk(b"acTL", bytes(length))))
    control = struct.pack(">IIIIIHHBB", 0, 60_000, 60_000, 0, 0, 1, 1, 0, 0)
    yield HostileFile(
        "apng-frame-beyond.png", good_png(chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", control))
    )


def lies() -> Iterator[HostileFile]:
    """Lengths, checksums and names that are not true."""
    for length in (0, 1, 12, 14, 2**31, 2**32 - 1):
        data = good_png()
        yield HostileFile(f"ihdr-length-{length}.png", data[:8] + struct.pack(">I", length) + data[12:], REFUSED)
        at = data.index(b"IDAT") - 4
        yield HostileFile(f"idat-length-{length}.png", data[:at] + struct.pack(">I", length) + data[at + 4 :])
        yield HostileFile(f"gama-length-{length}.png", good_png(chunk(b"gAMA", bytes(4), length=length)))
        yield HostileFile(f"phys-crc-{length}.png", good_png(chunk(b"pHYs", bytes(9), checksum=length)))
    for colour, depth in ((1, 8), (5, 8), (7, 8), (2, 3), (3, 16), (255, 255)):
        yield HostileFile(f"colour-{colour}-depth-{depth}.png", png(240, 300, depth=depth, colour=colour), REFUSED)
    two = good_png(chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)))
    yield HostileFile("two-headers.png", two, REFUSED)
    yield HostileFile("palette-missing.png", png(240, 300, colour=3), REFUSED)
    jpeg = plain_files()["jpeg"]
    for length in (0, 1, 2, 3, 65_535):
        yield HostileFile(f"app-length-{length}.jpeg", jpeg[:2] + segment(0xE1, b"Exif\0\0" * 4, length) + jpeg[2:])
        yield HostileFile(f"comment-length-{length}.jpeg", jpeg[:2] + segment(0xFE, b"x" * 30, length) + jpeg[2:])
    frame = jpeg.index(b"\xff\xc0")
    for height, width in ((300, 10_000), (10_000, 240), (32, 32)):
        data = jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]
        yield HostileFile(f"frame-says-{width}x{height}.jpeg", data)
    yield HostileFile("two-frames.jpeg", jpeg[:frame] + segment(0xC0, struct.pack(">BHHB", 8, 9, 9, 0)) + jpeg[frame:])
    for kind, data in plain_files().items():
        if kind == "webp":
            for length in (0, 4, 100, 2**31, 2**32 - 1):
                yield HostileFile(f"riff-length-{length}.webp", data[:4] + struct.pack("<I", length) + data[8:])
                yield HostileFile(f"chunk-length-{length}.webp", data[:16] + struct.pack("<I", length) + data[20:])
        if kind == "gif":
            for place in (10, 13 + 768, 13 + 768 + 9, 13 + 768 + 10):
                for value in (0, 0x80, 0xFF):
                    changed = data[:place] + bytes([value]) + data[place + 1 :]
                    yield HostileFile(f"byte-{place}-is-{value}.gif", changed)
