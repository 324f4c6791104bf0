"""Colour modes, orientations, profiles, truncations, polyglots and formats that are not taken."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

from tests.hostile.files import REFUSED, SEEN, HostileFile, chunk, good_png, picture, plain_files, segment
from tests.photos import draw_pattern, saved

ORIENTATION = 0x0112
UNKNOWN_FORMAT = frozenset({415})


def colour_modes() -> Iterator[HostileFile]:
    """Every mode that a format can carry."""
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        made = (
            PillowImage.fromarray(draw_pattern(1)[..., 0].astype(np.uint16) * 257) if mode == "I;16" else picture(mode)
        )
        yield HostileFile(f"mode-{mode.replace(';', '')}.png", saved(made, "PNG"), SEEN)
    for bits in (1, 2, 4):
        yield HostileFile(f"palette-{bits}bit.png", saved(picture().quantize(2**bits), "PNG", bits=bits), SEEN)
    for mode in ("P", "L", "RGB"):
        transparency = (0, 0, 0) if mode == "RGB" else 0
        data = saved(picture(mode), "PNG", transparency=transparency)
        yield HostileFile(f"transparent-{mode}.png", data, SEEN)
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        for progressive in (False, True):
            data = saved(picture(mode), "JPEG", progressive=progressive)
            yield HostileFile(f"mode-{mode}-progressive-{progressive}.jpeg", data, SEEN)
    for sampling in (0, 1, 2):
        for quality in (1, 50, 100):
            data = saved(picture(), "JPEG", subsampling=sampling, quality=quality)
            yield HostileFile(f"sampling-{sampling}-quality-{quality}.jpeg", data, SEEN)
    cmyk = saved(picture("CMYK"), "JPEG")
    for transform in (0, 1, 2, 255):
        adobe = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))
        bare = cmyk[:2] + adobe + cmyk[cmyk.index(b"\xff\xdb") :]
        yield HostileFile(f"adobe-transform-{transform}.jpeg", bare)
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            data = saved(picture(mode), "WEBP", lossless=lossless)
            yield HostileFile(f"mode-{mode}-lossless-{lossless}.webp", data, SEEN)
    for mode in ("1", "L", "P", "RGB"):
        yield HostileFile(f"mode-{mode}.gif", saved(picture(mode), "GIF"), SEEN)


def turned(kind: str, orientation: int, seed: int = 1) -> bytes:
    """The pattern stored so that turning it by its EXIF orientation makes it upright."""
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
            7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    stored = picture(seed=seed)
    if orientation in undo:
        stored = stored.transpose(PillowImage.Transpose[undo[orientation]])
    exif = PillowImage.Exif()
    exif[ORIENTATION] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}, "PNG": {}}[kind]
    return saved(stored, kind, exif=exif, **options)


def orientations() -> Iterator[HostileFile]:
    """All eight, and those that do not exist."""
    for kind in ("JPEG", "PNG", "WEBP"):
        for orientation in (*range(10), 255, 65_535):
            yield HostileFile(f"orientation-{orientation}.{kind.lower()}", turned(kind, orientation), SEEN)
    jpeg = plain_files()["jpeg"]
    for name, content in {
        "empty": b"Exif\0\0", "no-tiff": b"Exif\0\0XX*\0", "loop": b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "many": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(600), "noise": b"Exif\0\0" + random.Random(1).randbytes(900),
    }.items():  # fmt: skip
        yield HostileFile(f"exif-{name}.jpeg", jpeg[:2] + segment(0xE1, content) + jpeg[2:], SEEN | REFUSED)


def profiles() -> Iterator[HostileFile]:
    """Colour profiles: true, huge, and nonsense."""
    true = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    huge = struct.pack(">I", 4_000_000) + true[4:] + bytes(4_000_000 - len(true))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    noise = random.Random(2).randbytes(100_000)
    count_lies = true[:128] + struct.pack(">I", 2**31) + true[132:]
    for name, profile in {"true": true, "huge": huge, "lab": lab, "noise": noise, "empty": b"", "count": count_lies,
                          "cut": true[:200]}.items():  # fmt: skip
        for kind in ("JPEG", "PNG", "WEBP"):
            for mode in ("RGB", "L") if kind != "WEBP" else ("RGB",):
                data = saved(picture(mode), kind, icc_profile=profile)
                # Pillow unpacks a megabyte of a PNG's profile at most, and calls the rest damage.
                expected = SEEN | REFUSED if (name, kind) == ("huge", "PNG") else SEEN
                yield HostileFile(f"icc-{name}-{mode}.{kind.lower()}", data, expected)
    yield HostileFile("icc-huge-uncompressed.png", good_png(chunk(b"iCCP", b"p\0\0" + zlib.compress(huge, 0))))


def truncations() -> Iterator[HostileFile]:
    """Cut short everywhere."""
    for kind, data in plain_files().items():
        for share in (*range(0, 30, 3), *range(40, 100, 15), 99):
            cut = data[: max(1, len(data) * share // 100)]
            yield HostileFile(f"cut-at-{share}.{kind}", cut)
        for length in (1, 2, 3, 4, 8, 11, 12, 20, 29):
            yield HostileFile(f"first-{length}.{kind}", data[:length], REFUSED)


def polyglots() -> Iterator[HostileFile]:
    """Photos that are something else as well, and something else that would be photos."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("evil.class", b"\xca\xfe\xba\xbe" + bytes(100))
    others = {
        "zip": archive.getvalue(), "html": b"<html><script>alert(1)</script></html>", "php": b"<?php system('id');?>",
        "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>", "elf": b"\x7fELF" + bytes(200), "eps": b"%!PS-Adobe-3.0",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    }  # fmt: skip
    for kind, data in plain_files().items():
        for name, other in others.items():
            yield HostileFile(f"{name}-behind.{kind}", data + other, SEEN)
            yield HostileFile(f"{name}-before.{kind}", other + data, UNKNOWN_FORMAT)
        yield HostileFile(f"inside.{kind}", data[: len(data) // 2] + others["html"] + data[len(data) // 2 :])
        for seed in range(5):
            noise = random.Random(seed).randbytes(3_000)
            yield HostileFile(f"noise-{seed}.{kind}", data[:12] + noise, REFUSED)
            yield HostileFile(f"noise-after-header-{seed}.{kind}", data[:40] + noise)
    jpeg = plain_files()["jpeg"]
    yield HostileFile("script-as-comment.jpeg", jpeg[:2] + segment(0xFE, others["html"]) + jpeg[2:], SEEN)


def foreign_formats() -> Iterator[HostileFile]:
    """What Pillow could open, and this service does not."""
    for kind in ("TIFF", "BMP", "ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "XBM", "EPS", "PDF", "ICNS"):
        mode = "1" if kind == "XBM" else "RGB"
        made = picture(mode).resize((256, 256)) if kind in ("ICO", "ICNS") else picture(mode)
        yield HostileFile(f"foreign.{kind.lower()}", saved(made, kind), UNKNOWN_FORMAT)
    for name, data in {
        "psd": b"8BPS\0\1" + bytes(400), "fits": b"SIMPLE  =                    T" + bytes(3_000), "empty": b"",
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(300), "avif": b"\0\0\0\x20ftypavif" + bytes(300), "text": b"hello",
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(300), "flic": b"\0\0\0\0\x11\xaf" + bytes(300), "zeros": bytes(5_000),
    }.items():  # fmt: skip
        yield HostileFile(f"foreign.{name}", data, REFUSED)
