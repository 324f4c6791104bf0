"""The detector's recipe and its training run; small pictures first, since they cost half and teach nearly as much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.progress import track
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from models.manifest import file_sha256
from models.training.checkpoint import Progress, load_exported, what_decides
from models.training.detector.dataset import DetectorPictures, Diet, collate
from models.training.detector.network import Architecture, GarmentFasterRCNN
from models.training.detector.objective import detector_objective
from models.training.detector.scenes import Scene, read_scenes
from models.training.device import fastest_device
from models.training.fit import Schedule, fit, seed_everything

DEEPFASHION2_SHARE = 0.3
"""Of the pictures, where it is there; a guess, since nobody here could train with it."""


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """All that decides a training run. The first `small_epochs` see pictures of `small_side` px."""

    architecture: Architecture = field(default_factory=Architecture)
    diet: Diet = field(default_factory=Diet)
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=14, learning_rate=6e-4, trunk_share=0.3, warmup_steps=200)
    )
    batch: int = 8
    small_epochs: int = 7
    small_side: int = 224
    workers: int = 1

    def side_of(self, epoch: int) -> int:
        return self.small_side if epoch < self.small_epochs else self.architecture.side

    def beside_deepfashion2(self) -> DetectorRecipe:
        """The same run with DeepFashion2's photos as a part of its diet."""
        return replace(self, diet=replace(self.diet, deepfashion2=DEEPFASHION2_SHARE))


FURTHER_PASS = DetectorRecipe(
    diet=Diet(collages=0.16, streets=0.05, stores=0.05, nothing=0.04),
    schedule=Schedule(epochs=4, learning_rate=3e-4, trunk_share=0.5, warmup_steps=60, final_share=0.01, seed=2029),
    small_epochs=0,
)
"""For a network that has learnt already: full size only, and photos much like those it will meet."""


def train_detector(
    root: Path, folder: Path, recipe: DetectorRecipe, *, warm: Path | None = None, more: Sequence[Scene] = ()
) -> tuple[GarmentFasterRCNN, Progress]:
    """Train on the photos under `root`, a checkpoint an epoch in `folder`; continues what lies there.

    `warm` are the weights of an earlier run: an exported ONNX file, or safetensors, where parameters that those do not
    know start as new ones do. `more` scenes are learnt from beside those under `root`.

    Raises AnotherRun where the checkpoint's recipe or start was another, or the number of scenes.
    """
    seed_everything(recipe.schedule.seed)
    network = GarmentFasterRCNN(recipe.architecture).to(memory_format=torch.channels_last)
    if warm is not None and warm.suffix == ".onnx":
        load_exported(warm, network)
    elif warm is not None:
        network.load_state_dict(load_file(warm), strict=False)
    network.to(fastest_device())
    scenes = read_scenes(root, lambda found: track(found, description="reading photos"))
    scenes += more
    steps = recipe.diet.pictures // recipe.batch
    progress = fit(
        network,
        lambda epoch: _batches(scenes, recipe, epoch),
        detector_objective,
        recipe.schedule,
        folder,
        steps_per_epoch=steps,
        decided_by=what_decides(recipe, warm=warm and file_sha256(warm), scenes=len(scenes)),
    )
    return network, progress


def _batches(scenes: list[Scene], recipe: DetectorRecipe, epoch: int) -> Iterable[object]:
    pictures = DetectorPictures(scenes, recipe.diet, recipe.side_of(epoch), recipe.schedule.seed, epoch)
    return DataLoader(pictures, batch_size=recipe.batch, collate_fn=collate, num_workers=recipe.workers, drop_last=True)
