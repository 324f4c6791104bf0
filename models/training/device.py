"""Where a network learns: on a GPU where torch finds one, with the same recipes; what it is fed follows it there."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch

Part = TypeVar("Part")


def fastest_device() -> torch.device:
    """The GPU that torch finds, else the processor; `CUDA_VISIBLE_DEVICES=` hides the GPUs."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: torch.nn.Module) -> torch.device:
    """Where its parameters lie, all in one place."""
    return next(network.parameters()).device


def placed(batch: Part, device: torch.device) -> Part:
    """The same batch with its tensors on `device`: a tensor, or dataclasses, tuples, lists and dicts of them."""
    moved: Any = batch
    if isinstance(batch, torch.Tensor):
        moved = batch.to(device, non_blocking=True)
    elif is_dataclass(batch) and not isinstance(batch, type):
        moved = replace(batch, **{one.name: placed(getattr(batch, one.name), device) for one in fields(batch)})
    elif isinstance(batch, dict):
        moved = {name: placed(part, device) for name, part in batch.items()}
    elif isinstance(batch, list | tuple):
        moved = type(batch)([placed(part, device) for part in batch])
    return moved  # type: ignore[no-any-return]
