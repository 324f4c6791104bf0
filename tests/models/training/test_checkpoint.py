"""A run goes on with its own checkpoint, whenever it was stopped, and with no other's."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import AnotherRun
from models.training.checkpoint import Progress, load_checkpoint, save_checkpoint, what_decides
from models.training.embedder.train import EmbedderRecipe
from models.training.fit import Schedule, build_optimizer, fit

RECIPE = EmbedderRecipe(schedule=Schedule(epochs=1, learning_rate=1e-3))
DECIDED_BY = what_decides(RECIPE, warm=None)


def run(folder: Path, decided_by: Mapping[str, Any] = DECIDED_BY, *, epochs: int = 1) -> Progress:
    """Epochs of one step of a network of six numbers."""
    return fit(
        torch.nn.Linear(2, 2),
        lambda _: [torch.ones(3, 2)],
        lambda network, batch: {"square": network(batch).square().mean()},
        replace(RECIPE.schedule, epochs=epochs),
        folder,
        steps_per_epoch=1,
        decided_by=decided_by,
    )


def filled(value: float) -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
    """A network whose numbers are all `value`, and an optimizer that remembers a step of it."""
    network = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(network.weight, value)
    optimizer = build_optimizer(network, Schedule(epochs=1, learning_rate=0.0, weight_decay=0.0))
    (network.weight.sum() * value).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return network, optimizer


def restored(folder: Path) -> tuple[int, float, float]:
    """The epoch that is told, and of which epoch the network's and the optimizer's numbers are."""
    network, optimizer = filled(0.0)
    progress = load_checkpoint(folder, network, optimizer)
    moment = optimizer.state_dict()["state"][0]["exp_avg"]
    return progress.epoch, float(network.weight[0, 0].detach()), round(float(moment[0, 0]) * 10, 3)


def test_the_same_recipe_goes_on(tmp_path: Path) -> None:
    """A second call trains nothing more, a longer one only what is missing."""
    first = run(tmp_path)
    assert run(tmp_path) == first
    second = run(tmp_path, epochs=2)
    assert second.epoch == 2
    assert second.history[0] == first.history[0]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (what_decides(replace(RECIPE, schedule=replace(RECIPE.schedule, seed=7))), r"schedule\.seed is 2026 .* and 7"),
        (what_decides(replace(RECIPE, schedule=replace(RECIPE.schedule, learning_rate=0.1))), r"learning_rate"),
        (what_decides(replace(RECIPE, plan=replace(RECIPE.plan, share=0.25))), r"plan\.share is 1\.0 there and 0\.25"),
        (what_decides(replace(RECIPE, design=replace(RECIPE.design, dimension=32))), r"design\.dimension"),
        (what_decides(RECIPE, warm="ab12"), r"warm is None there and 'ab12'"),
    ],
    ids=["seed", "rate", "share", "dimension", "start"],
)
def test_a_run_of_another_recipe_is_refused(other: Mapping[str, Any], told: str, tmp_path: Path) -> None:
    """Its manifest would tell of a recipe that the weights never saw; what lies there stays."""
    first = run(tmp_path / "checkpoint")
    with pytest.raises(AnotherRun, match=told) as refused:
        run(tmp_path / "checkpoint", other, epochs=2)
    assert str(tmp_path / "checkpoint") in str(refused.value)
    assert run(tmp_path / "checkpoint") == first


def test_a_run_may_be_measured_otherwise(tmp_path: Path) -> None:
    """How often, on how many and with how many processes decides no weight."""
    run(tmp_path)
    otherwise = what_decides(replace(RECIPE, measure_every=1, distractors=3, workers=0), warm=None)
    assert run(tmp_path, otherwise, epochs=2).epoch == 2


def test_a_shorter_run_than_the_checkpoints_is_refused(tmp_path: Path) -> None:
    """Three epochs are not what one epoch makes."""
    run(tmp_path, epochs=3)
    with pytest.raises(AnotherRun, match="3 epochs, more than the 1 asked for"):
        run(tmp_path)


def test_a_write_that_is_stopped_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network, optimizer and epoch are of one moment, since one rename brings all three."""
    save_checkpoint(tmp_path, *filled(1.0), Progress(epoch=1))

    def stopped(*_: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, *filled(2.0), Progress(epoch=2))
    assert restored(tmp_path) == (1, 1.0, 1.0)
    save_checkpoint(tmp_path, *filled(2.0), Progress(epoch=2))
    assert restored(tmp_path) == (2, 2.0, 2.0)
