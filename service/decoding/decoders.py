"""Bytes → photo: in processes that may crash, or in this one (the fake, and what processes are measured against)."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import structlog

from models.errors import ImageError, ImageTooLarge, UndecodableImage
from models.types import Image
from service.decoding.process import DecodeLimits, DecoderProcess, Ended, WorkerDied
from service.decoding.worker import TOO_MUCH_MEMORY, decode_checked, raise_as_told
from service.errors import DecoderUnavailable

log = structlog.get_logger()

_PHOTOS_A_WORKER = 2_000
"""Then it is replaced: what a decoder leaks does not grow without end."""


class PhotoDecoder(Protocol):
    """Turns bytes into photos; may be used from any thread, and blocks. Raises the `ImageError`s of `models`."""

    def decode(self, data: bytes) -> Image: ...

    def close(self) -> None: ...


class InProcessDecoder:
    """Decodes here: nothing bounds its time, and its crash is ours."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits

    def decode(self, data: bytes) -> Image:
        return decode_checked(data, self._limits.image, self._limits.max_frames)

    def close(self) -> None:
        """Nothing to release."""


class DecoderPool:
    """A few processes, each with one photo at a time; one that hangs or crashes takes only its photo along.

    The most recent is used first, so that where one is enough the others stay unborn.
    """

    def __init__(self, processes: int, limits: DecodeLimits, tell: Callable[[Ended], None] = lambda _: None) -> None:
        """`tell` hears of each process that ended before the pool was closed."""
        self._limits = limits
        self._tell = tell
        # Places, each with a worker or still without.
        self._places: queue.LifoQueue[DecoderProcess | None] = queue.LifoQueue()
        for _ in range(processes):
            self._places.put(None)
        self._lock = threading.Lock()
        self._alive: set[DecoderProcess] = set()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        with self._lock:
            return tuple(worker.process.pid for worker in self._alive)

    def decode(self, data: bytes) -> Image:
        worker = self._places.get()
        try:
            worker = self._still_good(worker) or self._start()
            try:
                answer, fd = worker.decode(data)
            except (WorkerDied, TimeoutError) as error:
                ended = Ended.LATE if isinstance(error, TimeoutError) else worker.why_ended()
                self._end(worker, ended)
                worker = None
                log.warning("decoder_ended", reason=ended, bytes=len(data), error=str(error))
                raise _fault(ended) from error
        finally:
            self._places.put(worker)
        raise_as_told(answer)
        assert fd is not None, "pixels come with every photo"
        return _photo_of(answer, fd, data)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers, self._alive = self._alive, set()
        for worker in workers:
            worker.stop()

    def _still_good(self, worker: DecoderProcess | None) -> DecoderProcess | None:
        """None where it died while nobody asked it, or has seen enough photos."""
        if worker is None:
            return None
        if worker.process.poll() is not None:
            self._end(worker, worker.why_ended())
        elif worker.photos >= _PHOTOS_A_WORKER:
            self._end(worker, Ended.WORN)
        else:
            return worker
        return None

    def _start(self) -> DecoderProcess:
        with self._lock:
            if self._closed:
                raise DecoderUnavailable("the decoders are closed")
            worker = DecoderProcess(self._limits)
            self._alive.add(worker)
        try:
            worker.wait()
        except DecoderUnavailable:
            self._end(worker, Ended.CRASH)
            raise
        return worker

    def _end(self, worker: DecoderProcess, why: Ended) -> None:
        with self._lock:
            self._alive.discard(worker)
            closed = self._closed
        worker.stop()
        if not closed:
            self._tell(why)


def _fault(ended: Ended) -> ImageError:
    """What the caller is told whose photo it was."""
    if ended is Ended.MEMORY:
        return ImageTooLarge(TOO_MUCH_MEMORY)
    late = ended in (Ended.LATE, Ended.PROCESSOR_TIME)
    return UndecodableImage(f"the image is damaged: it {'takes too long to decode' if late else 'ends the decoder'}")


def _photo_of(answer: dict[str, Any], fd: int, data: bytes) -> Image:
    """The photo over the decoder's own memory: nothing is copied, and it is given back with the array."""
    width, height = int(answer["width"]), int(answer["height"])
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, fd)
        if hasattr(fcntl, "F_GET_SEALS") and not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
            raise DecoderUnavailable("the decoder's memory could shrink under our hands")
        memory = mmap.mmap(fd, height * width * 3, access=mmap.ACCESS_READ)
    pixels = np.frombuffer(memory, np.uint8).reshape(height, width, 3)
    return Image(pixels, hashlib.sha256(data).hexdigest())
