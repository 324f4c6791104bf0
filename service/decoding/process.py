"""A process that decodes photos, as whoever asks it sees it: it answers, is late, or died of something."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from models.preprocessing import ImageLimits
from service.decoding.worker import OUT_OF_MEMORY, READY
from service.errors import DecoderUnavailable

_ROOT = Path(__file__).resolve().parents[2]
_START_S = 30.0
_PATIENCE = 3.0
"""By the clock, decoding may take this many times the processor time it may take."""
_GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": str(8 << 20), "MALLOC_TRIM_THRESHOLD_": str(8 << 20)}
"""Bytes that glibc keeps for the next photo; left alone it raises both with the largest that it has seen."""
_HANGING_UP_S = 1.0
"""From the end of its socket to the end of the process."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding a photo may take; `seconds` of a processor, `memory` in bytes, on top of the decoder's own."""

    image: ImageLimits
    max_frames: int
    seconds: float
    memory: int


class Ended(StrEnum):
    """Why a decoder is no more; the first three are limits of ours, the others are not meant to happen."""

    WORN = "worn"
    LATE = "late"
    PROCESSOR_TIME = "processor_time"
    MEMORY = "memory"
    CRASH = "crash"


class WorkerDied(Exception):
    """The process ended while it was asked; never leaves this package."""


class DecoderProcess:
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
                env={"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **_GIVES_BACK},
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

    def why_ended(self) -> Ended:
        """Of a process that hung up or is gone."""
        try:
            code = self.process.wait(_HANGING_UP_S)
        except subprocess.TimeoutExpired:
            return Ended.CRASH
        # Beside us only the kernel sends SIGKILL, where the machine or the container is out of memory.
        reasons = {-signal.SIGXCPU: Ended.PROCESSOR_TIME, -signal.SIGKILL: Ended.MEMORY, OUT_OF_MEMORY: Ended.MEMORY}
        return reasons.get(code, Ended.CRASH)

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
