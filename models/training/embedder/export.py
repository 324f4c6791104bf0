"""Checkpoint → `embedder.onnx` and its manifest, measured through the serving file before it is let go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord, file_sha256, write_manifest
from models.preprocessing import normalise
from models.runtime.embedder import INPUTS, MAP_SIDE
from models.runtime.session import ModelSession, OnnxSession
from models.taxonomy import LANDMARK_CHANNELS, REGION_COUNT, taxonomy_hash
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.checkpoint import Progress, load_checkpoint
from models.training.embedder.dataset import View
from models.training.embedder.evaluate import Describe, Floats, measure, prepare_trial
from models.training.embedder.network import PsNet
from models.training.embedder.shelf import GarmentShelf
from models.training.embedder.train import EmbedderRecipe, build_network
from models.training.export import export_onnx
from models.types import CROP_SIZE

VERSION = "6"
DATA = (
    "clothing-dataset, training fold, and worn garments of the co-parsing training streets: photos re-photographed and "
    "partly altered; no store and no validation photo"
)


def export_embedder(
    checkpoint: Path,
    out: Path,
    recipe: EmbedderRecipe,
    shelf: GarmentShelf,
    *,
    distractors: int | None = None,
    warm: str = "",
    beside: str = "",
) -> Manifest:
    """Write `embedder.onnx` and `embedder.json` to `out`; quality is measured on the calibration fold with the file.

    `distractors` limits how many training garments fill the gallery; all of them where it is None. `warm` tells of the
    run that the weights started from, if not ImageNet's, `beside` of photos learnt from beside our own.

    Raises ModelFileError where no epoch is done yet.
    """
    network = build_network(recipe.design, pretrained=False)
    progress = load_checkpoint(checkpoint, network)
    if progress.epoch == 0:
        raise ModelFileError(f"{checkpoint}: nothing was learnt yet")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "embedder.onnx"
    write_graph(network, path)
    trial = prepare_trial(shelf, distractors=distractors)
    quality = measure(trial, describe_with_session(OnnxSession(path, threads=1)))
    manifest = _describe(path, recipe, progress, quality, warm or f"{recipe.design.trunk}, ImageNet weights")
    if beside:
        told = manifest.training.model_copy(update={"data": f"{DATA}; {beside}"})
        manifest = manifest.model_copy(update={"training": told})
    write_manifest(manifest, path.with_suffix(".json"))
    return manifest


def write_graph(network: PsNet, path: Path) -> None:
    """The network as ONNX with any batch size."""
    boxes = torch.tensor([20.0, 20.0, 80.0, 90.0]).repeat(2, REGION_COUNT, 1)
    example = (
        torch.zeros(2, 3, CROP_SIZE, CROP_SIZE),
        torch.zeros(2, LANDMARK_CHANNELS, MAP_SIDE, MAP_SIDE),
        boxes,
    )
    export_onnx(network, dict(zip(INPUTS, example, strict=True)), ["vectors"], path)


def describe_with_session(session: ModelSession, batch_size: int = 16) -> Describe:
    """Describe views with the exported file, as serving does."""

    def describe(views: Sequence[View]) -> Floats:
        rows = []
        for start in range(0, len(views), batch_size):
            part = views[start : start + batch_size]
            fed = {
                "crops": normalise(np.stack([view.crop for view in part]), IMAGENET_MEAN, IMAGENET_STD),
                "landmark_maps": np.stack([view.maps for view in part]),
                "boxes": np.stack([view.boxes for view in part]),
            }
            rows.append(session.run(fed)[0])
        return np.concatenate(rows)

    return describe


def _describe(
    path: Path, recipe: EmbedderRecipe, progress: Progress, quality: Mapping[str, float], started_from: str
) -> Manifest:
    design = recipe.design
    return Manifest(
        name="embedder",
        version=VERSION,
        file=path.name,
        sha256=file_sha256(path),
        taxonomy=taxonomy_hash(),
        inputs={
            "crops": ["batch", 3, CROP_SIZE, CROP_SIZE],
            "landmark_maps": ["batch", LANDMARK_CHANNELS, MAP_SIDE, MAP_SIDE],
            "boxes": ["batch", REGION_COUNT, 4],
        },
        outputs=["vectors"],
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        training=TrainingRecord(
            recipe=dataclasses.asdict(recipe),
            data=DATA,
            seed=recipe.schedule.seed,
            wall_time_s=progress.wall_time_s,
            started_from=started_from,
        ),
        quality={f"calibration_{name}": round(value, 4) for name, value in quality.items()},
        untrained=["bottoms: no region edits are learnt"],
        extra={"dimension": design.row_width},
    )
