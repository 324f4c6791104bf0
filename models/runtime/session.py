"""The one door to ONNX Runtime: arrays in by name, arrays out in the graph's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.errors import ModelFileError
from models.runtime.running import CPU_PROVIDER, CUDA_PROVIDER, Device, Engine, wanted_provider

Arrays = tuple[npt.NDArray[Any], ...]

_CUDA_OPTIONS = {
    # The arena grows by what is asked for, not by doubling: the index may share the card.
    "arena_extend_strategy": "kSameAsRequested",
    # An exhaustive search for every new batch size would stall requests for seconds.
    "cudnn_conv_algo_search": "HEURISTIC",
}


class ModelSession(Protocol):
    """A loaded network."""

    @property
    def provider(self) -> str:
        """What runs it: CPUExecutionProvider, CUDAExecutionProvider, …"""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Outputs in the order of the graph; safe to call from several threads."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """An array that lies on a session's device, for many runs."""

    value: Any
    source: npt.NDArray[Any]
    """On a CPU the value is this very array."""


class OnnxSession:
    """A network in ONNX Runtime; falls back to the CPU where the wanted device is missing: see `engine`.

    `threads` inside one run, 0 lets the engine choose; nodes run one after the other.
    """

    def __init__(self, path: Path, *, device: Device = Device.CPU, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        # Spinning threads would eat the cores that the index and the web server share with the models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        available = onnxruntime.get_available_providers()
        wanted = wanted_provider(device, available)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=asked_providers(wanted, available)
            )
        except Exception as error:  # the engine raises its own unrelated classes for every damaged file
            raise ModelFileError(f"{path.name} cannot be loaded: {error}") from error
        self.engine = Engine(path.stem, wanted, str(self._session.get_providers()[0]))
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._run = self.run_bound if self.engine.provider == CUDA_PROVIDER else self._run_plain

    @property
    def provider(self) -> str:
        return self.engine.provider

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        return self._run(inputs)

    def _run_plain(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        return tuple(self._session.run(None, dict(inputs)))

    def hold(self, array: npt.NDArray[Any]) -> Held:
        """The array on the device that runs the graph; it must not change from now on."""
        device = "cuda" if self.engine.provider == CUDA_PROVIDER else "cpu"
        return Held(onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0), array)

    def run_bound(self, inputs: Mapping[str, npt.NDArray[Any]], held: Mapping[str, Held] | None = None) -> Arrays:
        """With the arrays bound: one copy to the device and one back, instead of one for every node's edge; what is
        `held` lies there already."""
        binding = self._session.io_binding()
        for name, there in (held or {}).items():
            binding.bind_ortvalue_input(name, there.value)
        for name, array in inputs.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name in self._outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return tuple(binding.copy_outputs_to_cpu())


def asked_providers(wanted: str, available: Sequence[str]) -> list[Any]:
    """What the engine is asked for, best first: the CPU is always there, as the fallback."""
    if wanted != CUDA_PROVIDER or wanted not in available:
        return [CPU_PROVIDER]
    preload: Callable[[], None] | None = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        preload()  # CUDA and cuDNN as they lie in their wheels
    return [(CUDA_PROVIDER, _CUDA_OPTIONS), CPU_PROVIDER]
