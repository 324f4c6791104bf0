"""Labels: hand-placed points, fitted templates, what the networks add to them."""

from __future__ import annotations

import json

import typer

from models.training.commands.options import WEIGHTS, WORK, Data, DeepFashion2, Every, Weights, Work
from models.training.data.readers import data_root


def labels(work: Work = WORK, data: Data = None, deepfashion2: DeepFashion2 = None, every: Every = 1) -> None:
    """Derive landmark labels from hand-placed points and templates fitted to masks, and take over DeepFashion2's.

    Example: python -m models.training labels --deepfashion2 ../deepfashion2
    """
    from models.training.data.deepfashion2_sources import append_landmark_labels
    from models.training.data.landmark_labels import derive_landmark_labels

    work.mkdir(parents=True, exist_ok=True)
    typer.echo(json.dumps(derive_landmark_labels(data_root(data), work / "labels.jsonl"), indent=1))
    if deepfashion2 is not None:
        count = append_landmark_labels(deepfashion2, work / "labels.jsonl", every=every)
        typer.echo(f"{count} garments of DeepFashion2")


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


def unread(
    weights: Weights = WEIGHTS,
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


def street(
    weights: Weights = WEIGHTS,
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
