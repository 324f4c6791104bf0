"""The embedder with parts taken out, for comparison: same trunk, photos, epochs, size and seed.

`traditional` is one global vector a garment, `pcb` five horizontal stripes, neither with landmarks; `plain` has the
landmark regions without attention; `full` is the whole design trained no longer than the others. What has no regions is
not told which of them were altered, and its vectors are centred (`network.py`), without which it does not learn at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from models.manifest import Manifest, file_sha256
from models.training.data.readers import read_pairs
from models.training.embedder.export import export_embedder
from models.training.embedder.network import EmbedderDesign, Pooling
from models.training.embedder.shelf import GarmentShelf
from models.training.embedder.train import EmbedderRecipe, train_embedder
from models.training.fit import Schedule


class Ablation(StrEnum):
    """Declared from the least of PS-Net to all of it."""

    TRADITIONAL = "traditional"
    PCB = "pcb"
    PLAIN = "plain"
    FULL = "full"


DESIGNS = {
    Ablation.TRADITIONAL: EmbedderDesign(attention=False, pooling=Pooling.WHOLE),
    Ablation.PCB: EmbedderDesign(attention=False, pooling=Pooling.STRIPES),
    Ablation.PLAIN: EmbedderDesign(attention=False),
    Ablation.FULL: EmbedderDesign(),
}
RECIPE = EmbedderRecipe(
    schedule=Schedule(epochs=5, learning_rate=4e-4, trunk_share=0.4, warmup_steps=30, seed=2030),
    measure_every=5,
    distractors=150,
)
"""About twenty minutes on two cores."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the curves that say what moves a figure: how long and of how many is learnt, by how large a network.

    `share` of the training garments is learnt; `dimension` of a region's vector; `frozen_stages` of the trunk's 17.
    """

    epochs: int = RECIPE.schedule.epochs
    share: float = RECIPE.plan.share
    dimension: int = RECIPE.design.dimension
    frozen_stages: int = RECIPE.design.frozen_stages

    @staticmethod
    def of(recipe: Mapping[str, Any]) -> Point:
        """Where a run lies, from its manifest's recipe. Raises KeyError where that is no embedder's."""
        plan, schedule, design = recipe["plan"], recipe["schedule"], recipe["design"]
        return Point(schedule["epochs"], plan["share"], design["dimension"], design["frozen_stages"])


AS_IT_IS = Point()


def recipe_of(ablation: Ablation, *, seed: int | None = None, point: Point = AS_IT_IS) -> EmbedderRecipe:
    """All recipes but for the design are one; another `seed` makes a member of the ensemble."""
    return replace(
        RECIPE,
        design=replace(DESIGNS[ablation], dimension=point.dimension, frozen_stages=point.frozen_stages),
        plan=replace(RECIPE.plan, share=point.share),
        schedule=replace(RECIPE.schedule, seed=RECIPE.schedule.seed if seed is None else seed, epochs=point.epochs),
    )


def train_ablation(
    shelf: GarmentShelf, root: Path, out: Path, recipe: EmbedderRecipe, *, trunk: Path | None = None
) -> Manifest:
    """Train into `out`, or go on with the checkpoint there, and write `embedder.onnx` and its manifest to `out`.

    `trunk` is an exported embedder whose trunk all ablations start from instead of ImageNet's.
    """
    pairs = read_pairs(root) if (root / "garments" / "pairs.csv").exists() else []
    train_embedder(shelf, pairs, out / "checkpoint", recipe, warm_trunk=trunk)
    started_from = "" if trunk is None else f"trunk of {trunk.name} {file_sha256(trunk)[:12]}"
    return export_embedder(out / "checkpoint", out, recipe, shelf, distractors=recipe.distractors, warm=started_from)
