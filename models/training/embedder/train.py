"""Train the embedder: a recipe in, a checkpoint folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.progress import track

from models.manifest import file_sha256
from models.training.checkpoint import Progress, load_exported, what_decides
from models.training.data.readers import Fold, JudgedPair
from models.training.device import fastest_device
from models.training.embedder.dataset import Studio, TripletBatches, epoch_batches
from models.training.embedder.evaluate import describe_with, measure, prepare_trial
from models.training.embedder.neighbours import Neighbours, confused_by
from models.training.embedder.network import EmbedderDesign, Pooling, PsNet
from models.training.embedder.objective import Margins, NegativeMemory, RegionTriplets
from models.training.embedder.render_plan import RenderPlan
from models.training.embedder.shelf import GarmentShelf
from models.training.fit import Schedule, fit, seed_everything
from models.training.quicken import quicken

DESCRIBED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class EmbedderRecipe:
    """All that decides a run; written into the manifest of what it made."""

    design: EmbedderDesign = field(default_factory=EmbedderDesign)
    plan: RenderPlan = field(default_factory=RenderPlan)
    margins: Margins = field(default_factory=Margins)
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=10, learning_rate=3e-4, trunk_share=0.4, seed=2027)
    )
    memory: int = 1536
    workers: int = 1
    measure_every: int = 6
    distractors: int = 350

    def drawing(self, same_contributor: int, *, every_edit: bool) -> EmbedderRecipe:
        """The same recipe with these hard strangers of a garment's contributor, and the later edits or not."""
        return replace(self, plan=replace(self.plan, same_contributor=same_contributor, every_edit=every_edit))

    def running(self, *, epochs: int | None, seed: int | None, frozen_stages: int | None) -> EmbedderRecipe:
        """The same recipe for so many epochs, from that seed, with so much of the trunk left as it is."""
        schedule = self.schedule
        return replace(
            self,
            design=self.design if frozen_stages is None else replace(self.design, frozen_stages=frozen_stages),
            schedule=replace(
                schedule,
                epochs=schedule.epochs if epochs is None else epochs,
                seed=schedule.seed if seed is None else seed,
            ),
        )


FURTHER_PASS = EmbedderRecipe(
    schedule=Schedule(epochs=16, learning_rate=3e-4, trunk_share=0.4, seed=2036), measure_every=8
)
"""For a network that has learnt already."""


def build_network(design: EmbedderDesign, *, pretrained: bool = True) -> PsNet:
    """The network in the form that is trained, checkpointed and exported."""
    network = PsNet(design, pretrained=pretrained)
    quicken(network.trunk)
    return network


def train_embedder(
    shelf: GarmentShelf,
    pairs: Sequence[JudgedPair],
    folder: Path,
    recipe: EmbedderRecipe,
    *,
    warm: Path | None = None,
    warm_trunk: Path | None = None,
) -> tuple[PsNet, Progress]:
    """Train from ImageNet weights, or go on where `folder` holds a checkpoint; measures on the calibration fold.

    `warm` is an exported embedder of the same design whose weights are taken instead of ImageNet's; `warm_trunk` one of
    any design with the same trunk, of which only the trunk is taken.

    Raises AnotherRun where the checkpoint's recipe, start or photos were others.
    """
    seed = recipe.schedule.seed
    seed_everything(seed)
    network = build_network(recipe.design, pretrained=warm is None and warm_trunk is None)
    if warm is not None:
        load_exported(warm, network)
    elif warm_trunk is not None:
        load_exported(warm_trunk, network, part="trunk.")
    network.to(fastest_device())
    studio = Studio(shelf, recipe.plan, seed)
    trial = prepare_trial(shelf, copies=1, distractors=recipe.distractors)

    confused = None if warm is None else mine_strangers(network, shelf, studio, pairs, recipe.plan)

    def on_epoch(epoch: int) -> dict[str, float]:
        last = epoch + 1 == recipe.schedule.epochs
        return measure(trial, describe_with(network)) if last or (epoch + 1) % recipe.measure_every == 0 else {}

    progress = fit(
        network,
        lambda epoch: epoch_batches(
            TripletBatches(shelf, studio, recipe.plan, pairs, seed, epoch, confused), recipe.workers
        ),
        RegionTriplets(
            recipe.margins, NegativeMemory(recipe.memory), labelled=recipe.design.pooling is Pooling.REGIONS
        ),
        recipe.schedule,
        folder,
        steps_per_epoch=recipe.plan.steps_an_epoch,
        decided_by=what_decides(
            recipe,
            warm=warm and file_sha256(warm),
            warm_trunk=warm_trunk and file_sha256(warm_trunk),
            photos=shelf.digest(),
        ),
        on_epoch=on_epoch,
    )
    return network, progress


def mine_strangers(
    network: PsNet, shelf: GarmentShelf, studio: Studio, pairs: Sequence[JudgedPair], plan: RenderPlan
) -> Neighbours:
    """The `plan.confused` garments learnt from that `network` confuses each garment learnt from with most."""
    train = np.array(shelf.numbers(Fold.TRAIN, plan.share))
    network.eval()
    describe = describe_with(network)
    parts = [train[start : start + DESCRIBED_AT_ONCE] for start in range(0, len(train), DESCRIBED_AT_ONCE)]
    rows = [describe([studio.plain(int(n)) for n in part]) for part in track(parts, "looking for confused garments")]
    return confused_by(np.concatenate(rows), train, shelf.designs(pairs), plan.confused)
