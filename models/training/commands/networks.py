"""The networks that find garments and their landmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from models.manifest import file_sha256
from models.training.commands.options import WORK, Data, DeepFashion2, Every, Work
from models.training.data.readers import data_root


def detector(
    work: Work = WORK,
    data: Data = None,
    warm: Annotated[Path | None, typer.Option(help="An exported detector to give a further pass.")] = None,
    deepfashion2: DeepFashion2 = None,
    every: Every = 1,
) -> None:
    """Train the detector, or go on with its checkpoint, and export it.

    Example: python -m models.training detector --warm models/weights/detector.onnx
    """
    from models.training.detector.deepfashion2_scenes import read_deepfashion2_scenes
    from models.training.detector.export import export_detector
    from models.training.detector.train import FURTHER_PASS, DetectorRecipe, train_detector

    root, recipe = data_root(data), DetectorRecipe() if warm is None else FURTHER_PASS
    more = [] if deepfashion2 is None else read_deepfashion2_scenes(deepfashion2, every=every)
    if more:
        recipe = recipe.beside_deepfashion2()
    train_detector(root, work / "detector", recipe, warm=warm, more=more)
    started_from = "" if warm is None else f"{warm.name} of {file_sha256(warm)[:12]}"
    typer.echo(export_detector(work / "detector", work, root, recipe, warm=started_from, more=more).quality)


def landmarker(
    work: Work = WORK,
    data: Data = None,
    threads: int = 2,
    trunk: Annotated[str, typer.Option(help="efficientnet_lite0, or a timm model such as hrnet_w18_small.")] = (
        "efficientnet_lite0"
    ),
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start the trunk from random weights.")] = False,
    frozen_stages: Annotated[
        int | None,
        typer.Option(help="Of the trunk's stages those that do not learn; default 5, from scratch none."),
    ] = None,
    simple_baseline: Annotated[bool, typer.Option(help="No lateral connections: the baseline.")] = False,
    epochs: Annotated[int, typer.Option(help="Epochs.")] = 16,
) -> None:
    """Train the landmark network on `labels`, or go on with its checkpoint, and export it.

    A timm trunk starts from the weights in Hugging Face's cache, which are fetched if need be, or --from-scratch.

    Example: python -m models.training landmarker --threads 2
    """
    from models.training.landmarker.export import export_landmarker
    from models.training.landmarker.recipe import LandmarkerRecipe, train_landmarker

    labels = work / "labels.jsonl"
    frozen = frozen_stages if frozen_stages is not None else (0 if from_scratch else LandmarkerRecipe().frozen_stages)
    recipe = LandmarkerRecipe(trunk, frozen_stages=frozen, laterals=not simple_baseline, from_scratch=from_scratch)
    recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=epochs))
    train_landmarker(data_root(data), labels, work / "landmarker", recipe, threads=threads)
    export_landmarker(
        work / "landmarker", work / "landmarker.onnx", recipe=recipe, data_root=data_root(data), labels=labels
    )
