"""Checkpoint → `landmarker.onnx` with its manifest, checked against torch through the serving class."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import torch

from models.manifest import Manifest, file_sha256, write_manifest
from models.runtime.landmarker import INPUT, PICTURE_SIDE, LandmarkEstimator
from models.runtime.session import OnnxSession
from models.taxonomy import Category
from models.training.data.deepfashion2_sources import told_of
from models.training.data.hand_landmarks import read_key_slots
from models.training.data.landmark_labels import LandmarkLabel, read_landmark_labels
from models.training.data.readers import Fold
from models.training.export import export_onnx
from models.training.landmarker.evaluate import cut_garments, measure
from models.training.landmarker.network import LandmarkNetwork
from models.training.landmarker.recipe import (
    LEARNT_FOLDS,
    LandmarkerRecipe,
    draft_manifest,
    hand_placed,
    restore_network,
)
from models.training.quicken import quicken

OUTPUT = "heatmaps"
MEASURED = (
    ("gold", "landmarks_gold.jsonl", (Fold.VALIDATION, Fold.GOLD_ONLY)),
    ("gold_strangers", "landmarks_gold.jsonl", (Fold.VALIDATION,)),
    ("calibration", "landmarks_train.jsonl", (Fold.CALIBRATION,)),
)


def export_landmarker(
    checkpoint: Path,
    out_path: Path,
    *,
    recipe: LandmarkerRecipe | None = None,
    data_root: Path | None = None,
    remark: str = "",
    labels: Path | None = None,
) -> Manifest:
    """Write `out_path` (ONNX, weights stored in half precision, any batch size) and its manifest beside it.

    With a `data_root` the file is measured on hand-placed points; `remark` goes into the manifest's recipe and says
    what the recipe alone does not tell of the run; of `labels`, what was learnt from, the manifest tells.
    """
    recipe = recipe or LandmarkerRecipe()
    network, progress = restore_network(checkpoint, recipe)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(network, out_path)
    manifest = draft_manifest(recipe, progress, file=out_path.name, sha256=file_sha256(out_path))
    if data_root is not None:
        manifest = manifest.model_copy(update={"quality": measure_file(out_path, manifest, data_root)})
    if labels is not None:
        manifest = telling_of_labels(manifest, read_landmark_labels(labels))
    if remark:
        told = manifest.training.model_copy(update={"recipe": manifest.training.recipe | {"remark": remark}})
        manifest = manifest.model_copy(update={"training": told})
    write_manifest(manifest, out_path.with_suffix(".json"))
    return manifest


def telling_of_labels(manifest: Manifest, labels: Sequence[LandmarkLabel]) -> Manifest:
    """The manifest with what was learnt from: how much of DeepFashion2, and which categories had no label."""
    learnt = [label for label in labels if label.fold in LEARNT_FOLDS]
    seen = {label.category for label in learnt}
    data = manifest.training.data.replace("no DeepFashion2", told_of(learnt))
    told = manifest.training.model_copy(update={"data": data})
    untrained = [name for name in manifest.untrained if Category(name) not in seen]
    return manifest.model_copy(update={"training": told, "untrained": untrained})


def write_onnx(network: LandmarkNetwork, out_path: Path) -> None:
    """The graph with a free batch axis; arithmetic stays float32."""
    plain = deepcopy(network).to(memory_format=torch.contiguous_format)
    if plain.trunk.learns_statistics:
        # Learnt, they are constants too: folded, the graph is smaller and is written sooner.
        quicken(plain.trunk)
    export_onnx(plain, {INPUT: torch.zeros(2, 3, PICTURE_SIDE, PICTURE_SIDE)}, [OUTPUT], out_path)


def measure_file(exported: Path, manifest: Manifest, data_root: Path) -> dict[str, float]:
    """Figures by name on the gold set and on calibration contributors, in true categories and boxes off by up to 4 %.

    `gold_strangers` are the gold garments of contributors without training photos.
    """
    estimator = LandmarkEstimator(OnnxSession(exported), manifest)
    key_slots = read_key_slots(data_root)
    figures: dict[str, float] = {}
    for name, file, folds in MEASURED:
        hands, paths = hand_placed(data_root, file, *folds)
        quality = measure(estimator, hands, cut_garments(hands, paths), key_slots)
        figures[f"{name}_mean_error"] = round(quality.mean_error, 4)
        figures[f"{name}_share_within_0.05"] = round(quality.share_close, 4)
        if name == "gold":
            figures |= {f"gold_mean_error_{kind}": round(error, 4) for kind, error in quality.by_category.items()}
    return figures
