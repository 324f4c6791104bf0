"""`python -m models.training`: from the photos to the shipped weights, one command a step.

labels → landmarker → complete → street → embedder,   detector beside them;
then unread → cohort → evidence for the policy
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from models.manifest import file_sha256
from models.training.data.readers import Fold, data_root
from models.training.tuning_commands import add_tuning_commands

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
def detector(
    work: Work = WORK,
    data: Data = None,
    warm: Annotated[Path | None, typer.Option(help="An exported detector to give a further pass.")] = None,
) -> None:
    """Train the detector, or go on with its checkpoint, and export it.

    Example: python -m models.training detector --warm models/weights/detector.onnx
    """
    from models.training.detector.export import export_detector
    from models.training.detector.train import FURTHER_PASS, DetectorRecipe, train_detector

    recipe = DetectorRecipe() if warm is None else FURTHER_PASS
    train_detector(data_root(data), work / "detector", recipe, warm=warm)
    started_from = "" if warm is None else f"{warm.name} of {file_sha256(warm)[:12]}"
    typer.echo(export_detector(work / "detector", work, data_root(data), recipe, warm=started_from).quality)


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
def unread(
    weights: Annotated[Path, typer.Option(help="The exported models.")] = Path("models/weights"),
    work: Work = WORK,
    data: Data = None,
) -> None:
    """Label the garments that nobody read, as strangers to calibrate on.

    Example: python -m models.training unread
    """
    from models.runtime.shipped import open_describer
    from models.training.data.unread import label_unread

    describer = open_describer(weights)
    count = label_unread(describer.detector, describer.landmarker, data_root(data), work / "unread.jsonl")
    typer.echo(f"{count} garments")


@app.command()
def street(
    weights: Annotated[Path, typer.Option(help="The exported models.")] = Path("models/weights"),
    work: Work = WORK,
    data: Data = None,
) -> None:
    """Cut worn garments out of the street photos, for the embedder to learn from.

    Example: python -m models.training street
    """
    from models.runtime.shipped import open_describer
    from models.training.data.street_garments import cut_street_garments

    describer = open_describer(weights)
    count = cut_street_garments(describer.detector, describer.landmarker, data_root(data), work / "street")
    typer.echo(f"{count} garments")


@app.command()
def embedder(
    work: Work = WORK,
    data: Data = None,
    warm: Annotated[Path | None, typer.Option(help="An exported embedder to start from, not ImageNet.")] = None,
) -> None:
    """Train the region embedder on complete labels, or go on with its checkpoint, and export it.

    Example: python -m models.training embedder
    """
    from models.training.data.readers import read_garments, read_pairs
    from models.training.data.street_garments import read_street_garments
    from models.training.embedder.export import export_embedder
    from models.training.embedder.shelf import GarmentShelf, fill_shelf
    from models.training.embedder.train import FURTHER_PASS, EmbedderRecipe, train_embedder

    root = data_root(data)
    shelf = work / "shelf"
    if not shelf.exists():
        entries = [json.loads(line) for line in (work / "complete.jsonl").read_text().splitlines()]
        worn, worn_labels = read_street_garments(root, work / "street")
        labels = {entry["photo"]: entry for entry in entries} | worn_labels
        fill_shelf(shelf, [*read_garments(root), *worn], labels)
    recipe = EmbedderRecipe() if warm is None else FURTHER_PASS
    train_embedder(GarmentShelf(shelf), read_pairs(root), work / "embedder", recipe, warm=warm)
    started_from = "" if warm is None else f"{warm.name} of {file_sha256(warm)[:12]}"
    typer.echo(export_embedder(work / "embedder", work, recipe, GarmentShelf(shelf), warm=started_from).quality)


@app.command()
def ablation(
    which: Annotated[str, typer.Argument(help="traditional, pcb, plain or full.")],
    out: Annotated[Path, typer.Option(help="A folder for all of them, outside git: the benchmark's --ablations.")] = (
        WORK / "ablations"
    ),
    work: Work = WORK,
    data: Data = None,
    trunk: Annotated[
        Path | None, typer.Option(help="An exported embedder to take the trunk of, not ImageNet's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed: a member of the ensemble, kept beside the first.")
    ] = None,
) -> None:
    """Train the embedder with parts taken out, about twenty minutes each on two cores; needs the shelf of `embedder`.

    Example: python -m models.training ablation traditional --out var/training/ablations
    """
    from models.training.embedder.ablation import Ablation, recipe_of, train_ablation
    from models.training.embedder.shelf import GarmentShelf

    if which not in set(Ablation):
        raise typer.BadParameter(f"one of {', '.join(Ablation)}", param_hint="which")
    folder = out / (which if seed is None else f"{which}-{seed}")
    recipe = recipe_of(Ablation(which), seed=seed)
    typer.echo(train_ablation(GarmentShelf(work / "shelf"), data_root(data), folder, recipe, trunk=trunk).quality)


@app.command()
def blend(
    first: Annotated[Path, typer.Argument(help="An exported embedder, its manifest beside it.")],
    second: Annotated[Path, typer.Argument(help="One that was trained on from it.")],
    version: Annotated[str, typer.Option(help="Version of the mean.")],
    work: Work = WORK,
) -> None:
    """Take the mean of two embedders' weights.

    Example: python -m models.training blend models/weights/embedder.onnx var/training/embedder.onnx --version 4
    """
    from models.training.embedder.blend import blend_embedders
    from models.training.embedder.shelf import GarmentShelf

    typer.echo(blend_embedders(first, second, work / "blend", GarmentShelf(work / "shelf"), version).quality)


@app.command()
def cohort(
    weights: Annotated[Path, typer.Option(help="The exported models; the cohort is written beside them.")] = Path(
        "models/weights"
    ),
    work: Work = WORK,
    data: Data = None,
    garments: Annotated[int, typer.Option(help="Training garments in the cohort.")] = 400,
) -> None:
    """Embed the training garments that backgrounds are measured against.

    Example: python -m models.training cohort --garments 400
    """
    from models.runtime.shipped import open_describer
    from models.training.data.copies import read_originals
    from models.training.make_cohort import make_cohort

    originals = read_originals(data_root(data), work / "complete.jsonl", Fold.TRAIN)
    typer.echo(make_cohort(open_describer(weights).describe, originals, garments, weights / "cohort.npy"))


@app.command()
def evidence(
    weights: Annotated[Path, typer.Option(help="The exported models.")] = Path("models/weights"),
    work: Work = WORK,
    data: Data = None,
    seeds: Annotated[int, typer.Option(help="Copies made of each garment.")] = 2,
) -> None:
    """Make copies of garments that no embedder saw, compare them, and keep what `selvedge calibrate` learns from.

    Example: python -m models.training evidence --seeds 2
    """
    from models.evidence import save_evidence
    from models.runtime.shipped import open_describer
    from models.training.calibration_run import compare_strangers

    found = compare_strangers(open_describer(weights), weights, data_root(data), work, range(seeds))
    save_evidence(found, work / "evidence.npz")
    typer.echo(f"{len(found.query)} comparisons of {len(set(found.query.tolist()))} queries")


add_tuning_commands(app)


if __name__ == "__main__":
    app()
