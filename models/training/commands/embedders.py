"""The region embedder, its ablations and means of two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.manifest import file_sha256
from models.training.commands.options import WORK, Data, DeepFashion2, Every, Work
from models.training.data.readers import data_root
from models.training.embedder.shelf import open_shelf

SameContributor = Annotated[
    int,
    typer.Option(min=0, help="Hard strangers a garment among its contributor's, beside those of its colour."),
]
STAGES = 17
FROZEN_STAGES = f"Of the trunk's {STAGES} stages those that do not learn."
ABLATIONS = WORK / "ablations"
EveryEdit = Annotated[bool, typer.Option(help="Make copies with the edits that came later too (docs/data-engine.md).")]


def embedder(
    work: Work = WORK,
    data: Data = None,
    warm: Annotated[Path | None, typer.Option(help="An exported embedder to start from, not ImageNet.")] = None,
    deepfashion2: DeepFashion2 = None,
    every: Every = 1,
    same_contributor: SameContributor = 0,
    every_edit: EveryEdit = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs; the recipe's where none are named.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed: a further pass should not see the same again.")
    ] = None,
    frozen_stages: Annotated[int | None, typer.Option(min=0, max=STAGES, help=FROZEN_STAGES)] = None,
) -> None:
    """Train the region embedder on complete labels, or go on with its checkpoint, and export it.

    Example: python -m models.training embedder --warm models/weights/embedder.onnx --seed 2037 --frozen-stages 17
    """
    from models.training.data.deepfashion2_sources import DeepFashion2Source, read_source
    from models.training.data.readers import read_pairs
    from models.training.embedder.export import export_embedder
    from models.training.embedder.train import FURTHER_PASS, EmbedderRecipe, train_embedder

    root = data_root(data)
    more = read_source(deepfashion2, work / "deepfashion2", every=every) if deepfashion2 else DeepFashion2Source()
    shelf = open_shelf(work, root, more.garments, more.labels)
    recipe = (EmbedderRecipe() if warm is None else FURTHER_PASS).drawing(same_contributor, every_edit=every_edit)
    recipe = recipe.running(epochs=epochs, seed=seed, frozen_stages=frozen_stages)
    train_embedder(shelf, [*read_pairs(root), *more.pairs], work / "embedder", recipe, warm=warm)
    beside = f"{len(more.garments)} garments of DeepFashion2's train fold" if more.garments else ""
    started_from = "" if warm is None else f"{warm.name} of {file_sha256(warm)[:12]}"
    typer.echo(export_embedder(work / "embedder", work, recipe, shelf, warm=started_from, beside=beside).quality)


def ablation(
    which: Annotated[str, typer.Argument(help="traditional, pcb, plain or full.")],
    out: Annotated[Path, typer.Option(help="A folder for all of them, outside git: the benchmark's --ablations.")] = (
        ABLATIONS
    ),
    work: Work = WORK,
    data: Data = None,
    trunk: Annotated[
        Path | None, typer.Option(help="An exported embedder to take the trunk of, not ImageNet's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed: a member of the ensemble, kept beside the first.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 5,
    share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Learn from this share of the training garments.")
    ] = 1.0,
    dimension: Annotated[int, typer.Option(min=1, help="Numbers a region.")] = 128,
    frozen_stages: Annotated[int, typer.Option(min=0, max=STAGES, help=FROZEN_STAGES)] = 6,
    same_contributor: SameContributor = 0,
    every_edit: EveryEdit = False,
) -> None:
    """Train the embedder with parts taken out, about twenty minutes each on two cores.

    With any option from --epochs on: a point of the curves in docs/tried.md, which must not lie in the benchmark's
    folder.

    Example: python -m models.training ablation traditional --out var/training/ablations
    """
    from models.training.embedder.ablation import Ablation, Point, recipe_of, train_ablation

    if which not in set(Ablation):
        raise typer.BadParameter(f"one of {', '.join(Ablation)}", param_hint="which")
    folder = out / (which if seed is None else f"{which}-{seed}")
    point = Point(epochs, share, dimension, frozen_stages)
    if out == ABLATIONS and (point, same_contributor, every_edit) != (Point(), 0, False):
        raise typer.BadParameter("a point of the curves would lie among what the benchmark compares", param_hint="out")
    recipe = recipe_of(Ablation(which), seed=seed, point=point).drawing(same_contributor, every_edit=every_edit)
    root = data_root(data)
    typer.echo(train_ablation(open_shelf(work, root), root, folder, recipe, trunk=trunk).quality)


def blend(
    first: Annotated[Path, typer.Argument(help="An exported embedder, its manifest beside it.")],
    second: Annotated[Path, typer.Argument(help="One that was trained on from it.")],
    version: Annotated[str, typer.Option(help="Version of the mean.")],
    work: Work = WORK,
    data: Data = None,
) -> None:
    """Take the mean of two embedders' weights.

    Example: python -m models.training blend models/weights/embedder.onnx var/training/embedder.onnx --version 4
    """
    from models.training.embedder.blend import blend_embedders

    shelf = open_shelf(work, data_root(data))
    typer.echo(blend_embedders(first, second, work / "blend", shelf, version).quality)
