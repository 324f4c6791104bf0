"""Bytes → photo: in processes that may crash, or in this one (the fake, and what processes are measured against)."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import mmap
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import structlog

from models.errors import UndecodableImage
from models.preprocessing import ImageLimits
from models.types import Image
from service.decoding.worker import READY, decode_checked, raise_as_told
from service.errors import DecoderUnavailable

log = structlog.get_logger()

_ROOT = Path(__file__).resolve().parents[2]
_START_S = 30.0
_PATIENCE = 3.0
"""By the clock, decoding may take this many times the processor time it may take."""
_PHOTOS_A_WORKER = 2_000
"""Then it is replaced: what a decoder leaks does not grow without end."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding a photo may take; `seconds` of a processor, `memory` in bytes, on top of the decoder's own."""

    image: ImageLimits
    max_frames: int
    seconds: float
    memory: int


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


class WorkerDied(Exception):
    """The process ended while it was asked; never leaves this module."""


class _Worker:
    """One process and the socket to it; used by one thread at a time."""

    def __init__(self, limits: DecodeLimits) -> None:
        ours, theirs = socket.socketpair()
        image = limits.image
        numbers = (theirs.fileno(), image.max_pixels, image.max_side, image.min_side, limits.max_frames,
                   math.ceil(limits.seconds), limits.memory)  # fmt: skip
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.decoding.worker", *map(str, numbers)],
                pass_fds=[theirs.fileno()],
                # Neither addresses nor passwords of the service lie in its environment.
                env={"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._wire = ours
        # A busy machine gives a decoder less than all of its time; its own count of it is what is meant.
        self._seconds = _PATIENCE * limits.seconds
        self._deadline = time.monotonic() + _START_S
        self.photos = 0

    def wait(self) -> None:
        """Until the interpreter is up. Raises DecoderUnavailable."""
        try:
            if self._exactly(len(READY)) == READY:
                return
        except (OSError, WorkerDied) as error:
            raise DecoderUnavailable(f"no decoder could be started: {error}") from error

    def decode(self, data: bytes) -> tuple[dict[str, Any], int | None]:
        """The answer's head, and the open file of pixels. Raises WorkerDied, TimeoutError."""
        self._deadline = time.monotonic() + self._seconds
        self.photos += 1
        try:
            self._wire.settimeout(self._left())
            self._wire.sendall(struct.pack(">Q", len(data)))
            self._wire.sendall(data)
            return self._receive()
        except TimeoutError:
            raise
        except OSError as error:
            raise WorkerDied(str(error)) from error

    def stop(self) -> None:
        self._wire.close()
        self.process.kill()
        self.process.wait()

    def _receive(self) -> tuple[dict[str, Any], int | None]:
        self._wire.settimeout(self._left())
        received, handles, _, _ = socket.recv_fds(self._wire, 4, 1)
        fd = handles[0] if handles else None
        try:
            head = received + self._exactly(4 - len(received))
            content: dict[str, Any] = json.loads(self._exactly(struct.unpack(">I", head)[0]))
        except BaseException:
            if fd is not None:
                os.close(fd)
            raise
        return content, fd

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            self._wire.settimeout(self._left())
            more = self._wire.recv(count - len(data))
            if not more:
                raise WorkerDied("the decoder hung up")
            data += more
        return data

    def _left(self) -> float:
        return max(0.001, self._deadline - time.monotonic())


class DecoderPool:
    """A few processes, each with one photo at a time; one that hangs or crashes takes only its photo along.

    The most recent is used first, so that where one is enough the others stay unborn.
    """

    def __init__(self, processes: int, limits: DecodeLimits) -> None:
        self._limits = limits
        # Places, each with a worker or still without.
        self._places: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(processes):
            self._places.put(None)
        self._lock = threading.Lock()
        self._alive: set[_Worker] = set()
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        with self._lock:
            return tuple(worker.process.pid for worker in self._alive)

    def decode(self, data: bytes) -> Image:
        worker = self._places.get()
        try:
            if worker is not None and (worker.process.poll() is not None or worker.photos >= _PHOTOS_A_WORKER):
                self._end(worker)
                worker = None
            worker = worker or self._start()
            try:
                answer, fd = worker.decode(data)
            except (WorkerDied, TimeoutError) as error:
                self._end(worker)
                worker = None
                late = isinstance(error, TimeoutError)
                log.warning("decoder_ended", late=late, bytes=len(data), error=str(error))
                why = "takes too long to decode" if late else "ends the decoder"
                raise UndecodableImage(f"the image is damaged: it {why}") from error
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

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise DecoderUnavailable("the decoders are closed")
            worker = _Worker(self._limits)
            self._alive.add(worker)
        try:
            worker.wait()
        except DecoderUnavailable:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: _Worker) -> None:
        with self._lock:
            self._alive.discard(worker)
        worker.stop()


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
