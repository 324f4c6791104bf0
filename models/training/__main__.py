"""`python -m models.training`: from the photos to the shipped weights, one command a step.

labels → landmarker → complete → embedder,   detector beside them,   evidence for the policy at the end
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from models.training.data.readers import Fold, data_root

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Work = Annotated[Path, typer.Option(help="Where labels, checkpoints and exported models are kept.")]
Data = Annotated[Path | None, typer.Option(help="The photos; default GARMENT_DATA, else ../shared/data.")]
WORK = Path("var/training")


@app.command()
def labels(work: Work = WORK, data: Data = None) -> None:
    """Derive landmark labels from hand-placed points and templates fitted to masks.

    Example: python -m models.training labels
    """
    from models.training.data.landmark_labels import derive_landmark_labels

    work.mkdir(parents=True, exist_ok=True)
    typer.echo(json.dumps(derive_landmark_labels(data_root(data), work / "labels.jsonl"), indent=1))


@app.command()
def detector(work: Work = WORK, data: Data = None) -> None:
    """Train the detector, or go on with its checkpoint, and export it.

    Example: python -m models.training detector --work var/training
    """
    from models.training.detector.export import export_detector
    from models.training.detector.train import DetectorRecipe, train_detector

    recipe = DetectorRecipe()
    train_detector(data_root(data), work / "detector", recipe)
    typer.echo(export_detector(work / "detector", work, data_root(data), recipe).quality)


@app.command()
def landmarker(work: Work = WORK, data: Data = None, threads: int = 2) -> None:
    """Train the landmark network on `labels`, or go on with its checkpoint, and export it.

    Example: python -m models.training landmarker --threads 2
    """
    from models.training.landmarker.export import export_landmarker
    from models.training.landmarker.recipe import LandmarkerRecipe, train_landmarker

    recipe = LandmarkerRecipe()
    train_landmarker(data_root(data), work / "labels.jsonl", work / "landmarker", recipe, threads=threads)
    export_landmarker(work / "landmarker", work / "landmarker.onnx", recipe=recipe, data_root=data_root(data))


@app.command()
def complete(work: Work = WORK, data: Data = None) -> None:
    """Fill the slots that templates leave open with the landmark network's points.

    Example: python -m models.training complete
    """
    from models.manifest import read_manifest
    from models.runtime.landmarker import LandmarkEstimator
    from models.runtime.session import OnnxSession
    from models.training.data.complete_labels import complete_labels

    estimator = LandmarkEstimator(OnnxSession(work / "landmarker.onnx"), read_manifest(work / "landmarker.json"))
    count = complete_labels(estimator, data_root(data), work / "labels.jsonl", work / "complete.jsonl")
    typer.echo(f"{count} garments")


@app.command()
def embedder(work: Work = WORK, data: Data = None) -> None:
    """Train the region embedder on complete labels, or go on with its checkpoint, and export it.

    Example: python -m models.training embedder
    """
    from models.training.data.readers import read_garments, read_pairs
    from models.training.embedder.export import export_embedder
    from models.training.embedder.shelf import GarmentShelf, fill_shelf
    from models.training.embedder.train import EmbedderRecipe, train_embedder

    root = data_root(data)
    shelf = work / "shelf"
    if not shelf.exists():
        entries = [json.loads(line) for line in (work / "complete.jsonl").read_text().splitlines()]
        fill_shelf(shelf, read_garments(root), {entry["photo"]: entry for entry in entries})
    recipe = EmbedderRecipe()
    train_embedder(GarmentShelf(shelf), read_pairs(root), work / "embedder", recipe)
    typer.echo(export_embedder(work / "embedder", work, recipe, GarmentShelf(shelf)).quality)


@app.command()
def evidence(
    weights: Annotated[Path, typer.Option(help="The exported models.")] = Path("models/weights"),
    work: Work = WORK,
    data: Data = None,
    seeds: Annotated[int, typer.Option(help="Copies made of each garment.")] = 3,
) -> None:
    """Make copies of calibration photos, compare them, and keep what `selvedge calibrate` fits the policy on.

    Example: python -m models.training evidence --seeds 3
    """
    from models.evidence import save_evidence
    from models.runtime.shipped import open_describer
    from models.training.gather_evidence import gather_evidence

    describer = open_describer(weights)
    found = gather_evidence(
        describer.describe, data_root(data), work / "complete.jsonl", Fold.CALIBRATION, range(seeds)
    )
    save_evidence(found, work / "evidence.npz")
    typer.echo(f"{len(found.query)} comparisons of {len(set(found.query.tolist()))} queries")


if __name__ == "__main__":
    app()
