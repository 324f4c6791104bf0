"""What a file says of itself, read from its first bytes: format, size, frames; nothing is allocated for its pixels.

Pillow opens some files (animated WebP) by allocating their canvas, so the limits are checked here, before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedFormat
from models.preprocessing import ImageLimits

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))

_SCAN = b"\xff\xda"
_MOST_SCANS = 100
"""Every scan of a progressive JPEG passes over all its blocks, and may be a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """`frames` stops being counted one past the limit given to `read_header`."""

    kind: str
    width: int
    height: int
    frames: int


def check_header(data: bytes, limits: ImageLimits, max_frames: int) -> ImageHeader:
    """The header, once it is within the limits.

    Raises UnsupportedFormat, ImageTooLarge, ImageTooSmall, UndecodableImage.
    """
    header = read_header(data, max_frames)
    size = (header.width, header.height)
    if header.width * header.height > limits.max_pixels or max(size) > limits.max_side:
        raise ImageTooLarge(
            f"{header.width}×{header.height} pixels; at most {limits.max_pixels} in all and {limits.max_side} a side"
        )
    if header.frames > max_frames:
        raise ImageTooLarge(f"more than {max_frames} frames")
    if min(size) < limits.min_side:
        raise ImageTooSmall(f"{header.width}×{header.height} pixels; at least {limits.min_side} a side")
    return header


def read_header(data: bytes, max_frames: int) -> ImageHeader:
    """Raises UnsupportedFormat, UndecodableImage where the header is cut short or contradicts itself."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _gif(data, max_frames)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data, max_frames)
    except (struct.error, IndexError) as error:
        raise UndecodableImage("the image's header is cut short") from error
    raise UnsupportedFormat("the bytes are no JPEG, PNG, WebP or GIF image")


def _png(data: bytes) -> ImageHeader:
    """IHDR first, as the format asks; an APNG says its frames before the pixels."""
    length, name, width, height = struct.unpack_from(">I4sII", data, 8)
    if name != b"IHDR" or length != 13:
        raise UndecodableImage("a PNG starts with IHDR")
    frames, place = 1, 33
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == b"acTL":
            frames = max(frames, struct.unpack_from(">I", data, place + 8)[0])
        elif name == b"IHDR":
            raise UndecodableImage("a PNG has one IHDR")
        if name in (b"IDAT", b"IEND"):
            break
        place += 12 + length
    return ImageHeader("PNG", width, height, frames)


def _jpeg(data: bytes) -> ImageHeader:
    """The first start of frame; Source: ITU-T T.81, B.2."""
    place = 2
    while True:
        if data[place] != 0xFF:
            # Decoders skip what lies between segments.
            place = data.find(b"\xff", place)
            if place < 0:
                raise UndecodableImage("the JPEG holds no picture")
        while data[place] == 0xFF:
            place += 1
        marker = data[place]
        place += 1
        if marker in _STANDALONE or marker == 0x00:
            continue
        (length,) = struct.unpack_from(">H", data, place)
        if length < 2 or marker in (0xD9, 0xDA):
            raise UndecodableImage("the JPEG holds no picture")
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, place + 3)
            # Pixels never hold this pair of bytes; cameras write a dozen scans at most.
            if data.count(_SCAN) > _MOST_SCANS:
                raise ImageTooLarge(f"more than {_MOST_SCANS} scans")
            return ImageHeader("JPEG", width, height, 1)
        place += length


def _gif(data: bytes, max_frames: int) -> ImageHeader:
    """The screen, or the first frame where it is larger; Source: GIF89a specification."""
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    place = 13 + _palette_bytes(packed)
    frames = 0
    while place < len(data) and frames <= max_frames:
        block = data[place]
        if block == 0x21:
            place = _after_blocks(data, place + 2)
        elif block == 0x2C:
            left, top, frame_width, frame_height, packed = struct.unpack_from("<HHHHB", data, place + 1)
            if frames == 0:
                width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            place = _after_blocks(data, place + 10 + _palette_bytes(packed) + 1)
        elif block == 0x3B:
            break
        else:
            place += 1
    if not frames:
        raise UndecodableImage("the GIF holds no picture")
    return ImageHeader("GIF", width, height, frames)


def _palette_bytes(packed: int) -> int:
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Where the sub-blocks that begin here end; a cut file ends with them."""
    while place < len(data) and data[place]:
        place += 1 + data[place]
    return place + 1


def _webp(data: bytes, max_frames: int) -> ImageHeader:
    """Source: RFC 9649."""
    sizes: list[tuple[int, int]] = []
    frames = 0
    for name, place in _riff_chunks(data):
        if name == b"VP8X":
            sizes.append((1 + _uint24(data, place + 4), 1 + _uint24(data, place + 7)))
        elif name == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, place + 6)
            sizes.append((width & 0x3FFF, height & 0x3FFF))
        elif name == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, place + 1)
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        elif name == b"ANMF":
            frames += 1
            sizes.append((1 + _uint24(data, place + 6), 1 + _uint24(data, place + 9)))
        if frames > max_frames:
            break
    if not sizes:
        raise UndecodableImage("the WebP holds no picture")
    return ImageHeader("WEBP", max(w for w, _ in sizes), max(h for _, h in sizes), max(1, frames))


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Name and place of the content of each chunk."""
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        yield name, place + 8
        place += 8 + length + (length & 1)


def _uint24(data: bytes, place: int) -> int:
    low, high = struct.unpack_from("<HB", data, place)
    return int(low | high << 16)
