"""Checkpoint → `detector.onnx` and its manifest, ready to serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from models.manifest import Manifest, TrainingRecord, file_sha256, write_manifest
from models.runtime.detector import DetectorSettings, GarmentDetector
from models.runtime.session import OnnxSession
from models.taxonomy import taxonomy_hash
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.checkpoint import load_checkpoint
from models.training.data.readers import Fold, GarmentPhoto, read_garments
from models.training.detector.evaluate import (
    best_scores,
    choose_least_confidence,
    empty_photos,
    judged_photos,
    look,
    measure,
)
from models.training.detector.network import GarmentFasterRCNN
from models.training.detector.priors import apply_group_offsets, fit_group_offsets
from models.training.detector.scenes import Scene, untrained_labels
from models.training.detector.train import DetectorRecipe
from models.training.export import export_onnx

VERSION = "2"
DATA = "clothing-dataset training fold, co-parsing training streets, 161 store photos of both folds; collages of them"
MOST_OVERLAP = 0.5
MOST_GARMENTS = 10
SEARCHED_FROM = 0.05
"""Photos are looked at with this threshold before the shipped one is chosen."""


class ServingGraph(nn.Module):
    """`infer` as the forward pass that is exported."""

    def __init__(self, network: GarmentFasterRCNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.infer(pictures)


def export_detector(
    checkpoint: Path,
    out: Path,
    root: Path,
    recipe: DetectorRecipe,
    *,
    warm: str = "",
    warm_wall_time_s: float = 0.0,
    more: Sequence[Scene] = (),
) -> Manifest:
    """Export the newest epoch in `checkpoint` to `out`, measured on validation.

    Group offsets and threshold come from the calibration fold; threshold and figures are found by running the exported
    file through the serving class. `warm` tells of the run that the weights started from, if not ImageNet's,
    `more` are the scenes that were learnt from beside those under `root`. Returns the manifest.
    """
    network = GarmentFasterRCNN(recipe.architecture, pretrained=False)
    progress = load_checkpoint(checkpoint, network)
    garments = read_garments(root)
    offsets = fit_group_offsets(*best_scores(network, judged_photos(garments, Fold.CALIBRATION)))
    apply_group_offsets(network, offsets)
    out.mkdir(parents=True, exist_ok=True)
    side = recipe.architecture.side
    path = out / "detector.onnx"
    write_graph(network, path)
    record = TrainingRecord(
        recipe=dataclasses.asdict(recipe) | {"group_offsets": {str(name): round(v, 4) for name, v in offsets.items()}},
        data=DATA + (f"; {len(more)} photos of DeepFashion2's train fold" if more else ""),
        seed=recipe.schedule.seed,
        wall_time_s=progress.wall_time_s + warm_wall_time_s,
        started_from=warm or f"{recipe.architecture.trunk}, ImageNet weights",
    )
    manifest = _describe(path, side, record, untrained_labels(garments, more))
    detector = GarmentDetector(OnnxSession(path), manifest)
    calibration = look(detector, judged_photos(garments, Fold.CALIBRATION) + empty_photos(garments, Fold.CALIBRATION))
    least = choose_least_confidence(calibration)
    extra = manifest.extra | {"least_confidence": least}
    manifest = manifest.model_copy(update={"extra": extra, "quality": _quality(detector, garments, least)})
    write_manifest(manifest, path.with_suffix(".json"))
    return manifest


def write_graph(network: GarmentFasterRCNN, path: Path) -> None:
    """The network as ONNX with any batch size."""
    side = network.architecture.side
    export_onnx(ServingGraph(network), {"pictures": torch.zeros(2, 3, side, side)}, ["scores", "boxes"], path)


def _describe(path: Path, side: int, record: TrainingRecord, untrained: list[str]) -> Manifest:
    settings = DetectorSettings(
        side=side, least_confidence=SEARCHED_FROM, most_overlap=MOST_OVERLAP, most_garments=MOST_GARMENTS
    )
    return Manifest(
        name="detector",
        version=VERSION,
        file=path.name,
        sha256=file_sha256(path),
        taxonomy=taxonomy_hash(),
        inputs={"pictures": ["batch", 3, side, side]},
        outputs=["scores", "boxes"],
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        training=record,
        quality={},
        untrained=untrained,
        extra=settings.model_dump(),
    )


def _quality(detector: GarmentDetector, garments: list[GarmentPhoto], least: float) -> dict[str, float]:
    judged = measure(look(detector, judged_photos(garments, Fold.VALIDATION)), least)
    empty = measure(look(detector, empty_photos(garments, Fold.VALIDATION)), least)
    return {
        "validation_recall_iou75_group": judged.recall,
        "validation_recall_iou75": judged.box_recall,
        "validation_false_boxes_a_photo": judged.false_boxes,
        "validation_mean_iou": judged.mean_iou,
        "validation_boxes_a_photo_without_garment": empty.false_boxes,
    }
