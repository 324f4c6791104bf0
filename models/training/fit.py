"""The one training loop: any network, any objective, a cosine schedule, a checkpoint an epoch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from models.errors import AnotherRun
from models.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from models.training.device import device_of, placed

Losses = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn: `warmup_steps` of linear rise, then a cosine down to `final_share`."""

    epochs: int
    learning_rate: float
    trunk_share: float = 1.0
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    final_share: float = 0.02
    clip_norm: float = 5.0
    seed: int = 2026


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries under us draw from the legacy generator
    torch.manual_seed(seed)


def build_optimizer(network: torch.nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; parameters under a module named `trunk` learn at `trunk_share` of the rate, frozen ones not at all."""
    trainable = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    trunk = [p for name, p in trainable if "trunk." in name]
    rest = [p for name, p in trainable if "trunk." not in name]
    groups = [
        {"params": rest, "lr": schedule.learning_rate},
        {"params": trunk, "lr": schedule.learning_rate * schedule.trunk_share},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=schedule.weight_decay)


def fit(
    network: torch.nn.Module,
    batches_of_epoch: Callable[[int], Iterable[Any]],
    objective: Callable[[torch.nn.Module, Any], Losses],
    schedule: Schedule,
    folder: Path,
    *,
    steps_per_epoch: int,
    decided_by: Mapping[str, Any],
    on_epoch: Callable[[int], dict[str, float]] | None = None,
) -> Progress:
    """Train `network` in place and on the device where it lies, continuing from `folder` where a checkpoint lies there.

    `batches_of_epoch(epoch)` yields `steps_per_epoch` batches; `objective(network, batch)` returns named losses that
    are summed; `on_epoch(epoch)` may measure, its figures go into the history. `decided_by` is what `what_decides`
    tells of this run, and is kept in the checkpoint.

    Raises AnotherRun where the checkpoint is of a run that something else decided, or of more epochs than asked for.
    """
    seed_everything(schedule.seed)
    optimizer = build_optimizer(network, schedule)
    rates = [group["lr"] for group in optimizer.param_groups]
    progress = replace(load_checkpoint(folder, network, optimizer, decided_by), decided_by=decided_by)
    if progress.epoch > schedule.epochs:
        raise AnotherRun(
            f"{folder} holds a checkpoint of {progress.epoch} epochs, more than the {schedule.epochs} asked for: "
            "remove it, or work in another folder"
        )
    total = schedule.epochs * steps_per_epoch
    for epoch in range(progress.epoch, schedule.epochs):
        started = time.monotonic()
        sums: dict[str, float] = {}
        with _bar() as bar:
            task = bar.add_task(f"epoch {epoch + 1}/{schedule.epochs}", total=steps_per_epoch)
            network.train()
            for index, batch in enumerate(batches_of_epoch(epoch)):
                _set_rates(optimizer, rates, schedule, epoch * steps_per_epoch + index, total)
                fed = placed(batch, device_of(network))
                for name, value in _step(network, fed, objective, optimizer, schedule.clip_norm).items():
                    sums[name] = sums.get(name, 0.0) + value / steps_per_epoch
                bar.advance(task)
        figures = dict(sums)
        if on_epoch is not None:
            network.eval()
            figures |= on_epoch(epoch)
        spent_s = progress.wall_time_s + time.monotonic() - started
        progress = replace(progress, epoch=epoch + 1, wall_time_s=spent_s, history=[*progress.history, figures])
        save_checkpoint(folder, network, optimizer, progress)
        print(f"epoch {epoch + 1}: " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()), flush=True)
    network.eval()
    return progress


def _step(
    network: torch.nn.Module,
    batch: Any,
    objective: Callable[[torch.nn.Module, Any], Losses],
    optimizer: torch.optim.Optimizer,
    clip_norm: float,
) -> dict[str, float]:
    losses = objective(network, batch)
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], clip_norm)
    optimizer.step()
    return {name: float(value.detach()) for name, value in losses.items()}


def _set_rates(optimizer: torch.optim.Optimizer, rates: list[float], schedule: Schedule, step: int, total: int) -> None:
    warm = min(1.0, (step + 1) / max(1, schedule.warmup_steps))
    cosine = 0.5 * (1 + np.cos(np.pi * step / max(1, total)))
    share = warm * (schedule.final_share + (1 - schedule.final_share) * cosine)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * share


def _bar() -> Bar:
    return Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
