"""A process that decodes photos, started by `decoders.py`, which hands it a socket and the limits as numbers.

It holds no secrets, may take neither more memory nor more time than it is given, and may crash. Photos come through a
socket as 8 bytes of length and the file; each is answered with one line of JSON, and the pixels as an open file.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import math
import mmap
import os
import resource
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from models import errors as models_errors
from models.errors import ImageError, ImageTooLarge, UndecodableImage
from models.preprocessing import ImageLimits, decode
from models.types import Image
from models.upright import Allocate, in_memory
from service.decoding.header import check_header, read_header

READY = b"R"
"""Sent once, before the first photo: from then on time counts."""
TOO_MUCH_MEMORY = "decoding it takes more memory than a photo may"
MOST_BYTES_A_PIXEL = 18
"""What decoding takes at most, the decoder's own 4 MB or so aside: a WebP's canvases (16), and its file."""
OUT_OF_MEMORY = 75
"""Exit status where there was no memory even to answer."""
_FIRST_TO_END = 500
"""Where the machine, or the container, is out of memory: a decoder before the service."""
_CHUNK = 1 << 20


def decode_checked(data: bytes, limits: ImageLimits, max_frames: int, allocate: Allocate = in_memory) -> Image:
    """Header, then pixels. Raises the `ImageError`s of `models`, and nothing else, whatever the bytes are."""
    check_header(data, limits, max_frames)
    try:
        return decode(data, limits, allocate)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(TOO_MUCH_MEMORY) from error
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
            _serve(wire, data, limits, max_frames, memory)
            del data


def _serve(wire: socket.socket, data: bytes, limits: ImageLimits, max_frames: int, memory: int) -> None:
    """Answers one photo, whose pixels are decoded to where the service will read them."""
    with contextlib.ExitStack() as opened:
        shared = _SharedPixels(opened)
        try:
            image = decode_checked(data, limits, max_frames, shared.allocate)
        except ImageError as error:
            error = _really(error, data, max_frames, memory)
            _answer(wire, {"error": type(error).__name__, "message": str(error)}, None)
        else:
            _answer(wire, {"width": image.width, "height": image.height}, shared.fd)


def _really(error: ImageError, data: bytes, max_frames: int, memory: int) -> ImageError:
    """Libraries that get no memory call the photo damaged: where it may take more than there is, that is believed."""
    if isinstance(error, UndecodableImage):
        with contextlib.suppress(ImageError):
            header = read_header(data, max_frames)
            if header.width * header.height * MOST_BYTES_A_PIXEL > memory:
                return ImageTooLarge(f"{TOO_MUCH_MEMORY}, or it is damaged: {error}")
    return error


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
        # Where it may not be said, the kernel chooses by size, as ever.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_END))
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


def _answer(wire: socket.socket, content: dict[str, Any], pixels: int | None) -> None:
    """`pixels`: the open file that goes along."""
    line = json.dumps(content).encode()
    head = struct.pack(">I", len(line)) + line
    if pixels is None:
        wire.sendall(head)
        return
    handle = array.array("i", [pixels])
    sent = wire.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handle)])
    wire.sendall(head[sent:])


class _SharedPixels:
    """Where one photo's pixels are written, and the service reads them: memory that is an open file, `fd`."""

    def __init__(self, opened: contextlib.ExitStack) -> None:
        self._opened = opened
        self.fd: int | None = None

    def allocate(self, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
        """Raises MemoryError."""
        self.fd = _shared_file(math.prod(shape))
        self._opened.callback(os.close, self.fd)
        try:
            memory = mmap.mmap(self.fd, math.prod(shape))
        except OSError as error:
            raise MemoryError from error
        return np.ndarray(shape, np.uint8, buffer=memory)


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


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        raise SystemExit(OUT_OF_MEMORY) from None
