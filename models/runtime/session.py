"""The one door to ONNX Runtime: arrays in by name, arrays out in the graph's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt
import onnxruntime

from models.errors import ModelFileError

Arrays = tuple[npt.NDArray[Any], ...]


class ModelSession(Protocol):
    """A loaded network."""

    @property
    def provider(self) -> str:
        """What runs it: CPUExecutionProvider, CUDAExecutionProvider, …"""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Outputs in the order of the graph; safe to call from several threads."""


class OnnxSession:
    """A network in ONNX Runtime; falls back to the CPU where no wanted provider is there: see `provider`."""

    def __init__(self, path: Path, *, providers: Sequence[str] = ("CPUExecutionProvider",), threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Spinning threads would eat the cores that the index and the web server share with the models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        there = onnxruntime.get_available_providers()
        usable = [name for name in providers if name in there] or ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=usable)
        except Exception as error:  # the engine raises its own unrelated classes for every damaged file
            raise ModelFileError(f"{path.name} cannot be loaded: {error}") from error

    @property
    def provider(self) -> str:
        return str(self._session.get_providers()[0])

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        return tuple(self._session.run(None, dict(inputs)))
