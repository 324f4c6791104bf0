"""A process that decodes photos, started by `decoders.py`, which hands it a socket and the limits as numbers.

It holds no secrets, may take neither more memory nor more time than it is given, and may crash. Photos come through a
socket as 8 bytes of length and the file; each is answered with one line of JSON, and the pixels as an open file.
"""

from __future__ import annotations

import array
import fcntl
import json
import math
import os
import resource
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from models import errors as models_errors
from models.errors import ImageError, ImageTooLarge, UndecodableImage
from models.preprocessing import ImageLimits, decode
from models.types import Image
from service.decoding.header import check_header

READY = b"R"
"""Sent once, before the first photo: from then on time counts."""
_CHUNK = 1 << 20


def decode_checked(data: bytes, limits: ImageLimits, max_frames: int) -> Image:
    """Header, then pixels. Raises the `ImageError`s of `models`, and nothing else, whatever the bytes are."""
    check_header(data, limits, max_frames)
    try:
        return decode(data, limits)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge("decoding it takes more memory than a photo may") from error
    except Exception as error:
        raise UndecodableImage(f"the image is damaged: {type(error).__name__}") from error


def main() -> None:
    numbers = [int(argument) for argument in sys.argv[1:]]
    fd, max_pixels, max_side, min_side, max_frames, seconds, memory = numbers
    limits = ImageLimits(max_pixels, max_side, min_side)
    # Formats are loaded now, not with the first photo.
    PillowImage.init()
    _confine(memory, max_pixels)
    with socket.socket(fileno=fd) as wire:
        wire.sendall(READY)
        while (data := _receive(wire)) is not None:
            _allow_cpu(seconds)
            try:
                image = decode_checked(data, limits, max_frames)
            except ImageError as error:
                _answer(wire, {"error": type(error).__name__, "message": str(error)}, None)
            else:
                _answer(wire, {"width": image.width, "height": image.height}, image)
                del image
            del data


def raise_as_told(answer: dict[str, Any]) -> None:
    """Raises the error that a worker answered with, in the process that asked."""
    if "error" in answer:
        kind = getattr(models_errors, answer["error"], UndecodableImage)
        raise kind(answer["message"])


def _confine(memory: int, max_pixels: int) -> None:
    """Limits on top of what the process takes before its first photo; no core dumps, which would keep photos."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * max_pixels, 3 * max_pixels))


def _allow_cpu(seconds: int) -> None:
    """Should whoever started us be gone, the kernel ends a decoder that does not end."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(spent.ru_utime + spent.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _receive(wire: socket.socket) -> bytes | None:
    """The next photo; None where nobody is left to send one."""
    head = wire.recv(8, socket.MSG_WAITALL)
    if len(head) < 8:
        return None
    data = bytearray(struct.unpack(">Q", head)[0])
    view = memoryview(data)
    while view:
        count = wire.recv_into(view, min(len(view), _CHUNK))
        if not count:
            return None
        view = view[count:]
    return bytes(data)


def _answer(wire: socket.socket, content: dict[str, Any], image: Image | None) -> None:
    line = json.dumps(content).encode()
    head = struct.pack(">I", len(line)) + line
    if image is None:
        wire.sendall(head)
        return
    pixels = _shared_file(image.pixels.nbytes)
    try:
        _write(pixels, memoryview(image.pixels.data).cast("B"))
        handle = array.array("i", [pixels])
        sent = wire.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handle)])
        wire.sendall(head[sent:])
    finally:
        os.close(pixels)


def _shared_file(size: int) -> int:
    """An open file in memory that has no name."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("selvedge-pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    if hasattr(fcntl, "F_ADD_SEALS"):
        # Who maps it may rely on its size, whatever becomes of us.
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd


def _write(fd: int, data: memoryview) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:], done)


if __name__ == "__main__":
    main()
