"""Checkpoints: one file of safetensors that also says where the run stands and what decided it; never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.errors import AnotherRun, ModelFileError

CHECKPOINT = "checkpoint.safetensors"
UNDECIDED_BY = frozenset({"schedule.epochs", "workers", "measure_every", "distractors"})
"""Parts of recipes that a run may change when it goes on: its length, processes, and how it is measured."""

_Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: epochs done, seconds spent, each epoch's figures; `decided_by` as `what_decides` tells."""

    epoch: int = 0
    wall_time_s: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    decided_by: Mapping[str, Any] = field(default_factory=dict)


def what_decides(recipe: Any, **beside: object) -> dict[str, Any]:
    """What a run must share with a checkpoint to go on with it, as JSON has it: `schedule.seed` → 2027 and so on.

    `recipe` is a dataclass, those in it are told by dotted names; `beside` are things that it does not tell: files
    started from, photos learnt from.
    """
    told = {name: value for name, value in (_told(recipe) | beside).items() if name not in UNDECIDED_BY}
    content: dict[str, Any] = json.loads(json.dumps(told))
    return content


def save_checkpoint(
    folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the run to `folder`: one file, renamed last, so that an interrupted write leaves the previous one whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in _flat(optimizer).items()}
    partial = folder / f"{CHECKPOINT}.partial"
    save_file(tensors, partial, metadata={"progress": json.dumps(asdict(progress))})
    partial.replace(folder / CHECKPOINT)


def load_checkpoint(
    folder: Path,
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    decided_by: Mapping[str, Any] | None = None,
) -> Progress:
    """Restore a run written by `save_checkpoint`; an empty folder is a run that has not begun.

    Raises AnotherRun where something else than `decided_by` decided what lies there.
    """
    stored = _read(folder)
    if stored is None:
        return Progress()
    progress, weights, moments = stored
    if decided_by is not None:
        _require_same(folder, progress.decided_by, decided_by)
    network.load_state_dict(weights)  # copied to wherever the network lies, as the optimizer's moments are
    if optimizer is not None:
        _restore(optimizer, moments)
    return progress


def load_exported(graph: Path, network: torch.nn.Module, part: str = "") -> None:
    """Take over the weights of an exported ONNX file of the same architecture (half precision where it stores that).

    A graph exported through a wrapper names them `network.…`. `part` limits it to parameters whose names begin so.

    Raises ModelFileError where a parameter is missing there or has another shape.
    """
    named = {t.name.removesuffix("_half").removeprefix("network."): t for t in onnx.load(graph).graph.initializer}
    stored = {learning_or_not(name): tensor for name, tensor in named.items()}
    state = network.state_dict()
    for name, tensor in state.items():
        if not name.startswith(part):
            continue
        found = stored.get(learning_or_not(name))
        if found is None or tuple(found.dims) != tuple(tensor.shape):
            raise ModelFileError(f"{graph.name} holds no {name} of shape {tuple(tensor.shape)}")
        state[name] = torch.from_numpy(numpy_helper.to_array(found).copy()).to(tensor.dtype)
    network.load_state_dict(state)


def learning_or_not(name: str) -> str:
    """A parameter's name, the same whether its stage learns or not: those that do not are wrapped
    (`models/training/quicken.py`), which adds a part to names."""
    return name.replace(".stage.", ".")


def _read(folder: Path) -> tuple[Progress, _Tensors, _Tensors] | None:
    """Where the run stands, the network's tensors and the optimizer's; None where no checkpoint lies."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as opened:
        told = opened.metadata()["progress"]
    tensors = load_file(path)
    return Progress(**json.loads(told)), _under("network.", tensors), _under("optimizer.", tensors)


def _under(part: str, tensors: _Tensors) -> _Tensors:
    return {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}


def _told(recipe: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in ((one.name, getattr(recipe, one.name)) for one in fields(recipe)):
        inner = {f"{name}.{key}": part for key, part in _told(value).items()} if is_dataclass(value) else {name: value}
        told |= inner
    return told


def _require_same(folder: Path, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    other = [name for name in sorted({*there, *asked}) if there.get(name) != asked.get(name)]
    if other:
        told = ", ".join(f"{name} is {there.get(name)!r} there and {asked.get(name)!r} here" for name in other)
        raise AnotherRun(f"{folder} holds a checkpoint of another run ({told}): remove it, or work in another folder")


def _flat(optimizer: torch.optim.Optimizer) -> _Tensors:
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value).contiguous()
        for number, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: _Tensors) -> None:
    state = optimizer.state_dict()
    entries: dict[int, _Tensors] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        entries.setdefault(int(number), {})[name] = tensor
    state["state"] = entries
    optimizer.load_state_dict(state)
