"""Checkpoints as safetensors beside a JSON of where the run stands; never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file

from models.errors import ModelFileError


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: epochs done, seconds spent, and each epoch's figures."""

    epoch: int = 0
    wall_time_s: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(
    folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the run to `folder` so that an interrupted write leaves the previous checkpoint whole."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "network.safetensors", {name: t.contiguous() for name, t in network.state_dict().items()})
    _replace(folder / "optimizer.safetensors", _flat(optimizer))
    partial = folder / "progress.json.partial"
    partial.write_text(json.dumps(asdict(progress)))
    partial.replace(folder / "progress.json")


def load_checkpoint(folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Progress:
    """Restore a run written by `save_checkpoint`; an empty folder is a run that has not begun."""
    if not (folder / "progress.json").exists():
        return Progress()
    network.load_state_dict(load_file(folder / "network.safetensors"))
    if optimizer is not None:
        _restore(optimizer, load_file(folder / "optimizer.safetensors"))
    return Progress(**json.loads((folder / "progress.json").read_text()))


def load_exported(graph: Path, network: torch.nn.Module, part: str = "") -> None:
    """Take over the weights of an exported ONNX file of the same architecture (half precision where it stores that).

    A graph exported through a wrapper names them `network.…`. `part` limits it to parameters whose names begin so.

    Raises ModelFileError where a parameter is missing there or has another shape.
    """
    stored = {t.name.removesuffix("_half").removeprefix("network."): t for t in onnx.load(graph).graph.initializer}
    state = network.state_dict()
    for name, tensor in state.items():
        if not name.startswith(part):
            continue
        if name not in stored or tuple(stored[name].dims) != tuple(tensor.shape):
            raise ModelFileError(f"{graph.name} holds no {name} of shape {tuple(tensor.shape)}")
        state[name] = torch.from_numpy(numpy_helper.to_array(stored[name]).copy()).to(tensor.dtype)
    network.load_state_dict(state)


def _replace(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.replace(path)


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value).contiguous()
        for number, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state = optimizer.state_dict()
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        entries.setdefault(int(number), {})[name] = tensor
    state["state"] = entries
    optimizer.load_state_dict(state)
