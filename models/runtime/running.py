"""How networks are run: on which device, by which provider, in which batches; no engine is imported here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.errors import InvalidValue

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"


class Device(StrEnum):
    """Where networks are wanted to run. `auto`: on a GPU where the engine has one, else on the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs one network: `wanted` and `provider` are ONNX Runtime's names of execution providers."""

    model: str
    wanted: str
    provider: str

    @property
    def fell_back(self) -> bool:
        """Whether something slower runs it than was wanted; told in `/version`, `/readyz` and the metrics."""
        return self.provider != self.wanted


@dataclass(frozen=True, slots=True)
class Batching:
    """How rows are gathered.

    `sizes`: the batch sizes that the network ever sees, ascending; a batch is padded up to the next. `wait_s`: how long
    the first row waits for company. `most_waiting`: callers in the queue, beyond it they are refused. `deadline_s`: how
    long a caller waits for its rows.
    """

    sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
    wait_s: float = 0.002
    most_waiting: int = 64
    deadline_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise InvalidValue(f"batch sizes ascend from 1 or more, got {self.sizes}")
        if self.wait_s < 0 or self.most_waiting < 1 or self.deadline_s <= 0:
            raise InvalidValue("waiting times and the length of the queue are positive")

    @property
    def largest(self) -> int:
        return self.sizes[-1]

    def size_for(self, rows: int) -> int:
        """The least batch size that holds these rows; `rows` is at most `largest`."""
        return next(size for size in self.sizes if size >= rows)


@dataclass(frozen=True, slots=True)
class Running:
    """How the networks are run. `threads` inside one run, 0 lets the engine choose; `batching` None: never, else for
    networks that take batches; `gpu_only`: and only where a GPU runs them, since a CPU gains nothing.
    `watch` is told (model, rows) of every batch.
    """

    device: Device = Device.CPU
    threads: int = 0
    batching: Batching | None = None
    gpu_only: bool = True
    watch: Callable[[str, int], None] = lambda _model, _rows: None


def wanted_provider(device: Device, available: Sequence[str]) -> str:
    """The provider to ask for; `auto` takes CUDA exactly where the installed engine was built with it."""
    if device is Device.CUDA or (device is Device.AUTO and CUDA_PROVIDER in available):
        return CUDA_PROVIDER
    return CPU_PROVIDER


def usable_cores() -> int:
    """Cores that this process may run on: a container's or a task set's share, not the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
