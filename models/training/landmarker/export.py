"""Checkpoint → `landmarker.onnx` with its manifest, checked against torch through the serving class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from models.manifest import Manifest, file_sha256, write_manifest
from models.runtime.landmarker import INPUT, LandmarkEstimator
from models.runtime.session import OnnxSession
from models.training.export import OPSET, store_half
from models.training.landmarker.evaluate import TorchSession
from models.training.landmarker.network import LandmarkNetwork
from models.training.landmarker.recipe import LandmarkerRecipe, draft_manifest, restore_network
from models.types import CROP_SIZE, Garment

OUTPUT = "heatmaps"


def export_landmarker(
    checkpoint: Path,
    out_path: Path,
    *,
    recipe: LandmarkerRecipe | None = None,
    quality: dict[str, float] | None = None,
    remark: str = "",
) -> Manifest:
    """Write `out_path` (ONNX, weights stored in half precision, any batch size) and its manifest beside it.

    `remark` goes into the manifest's recipe: what the recipe alone does not tell of the run.
    """
    recipe = recipe or LandmarkerRecipe()
    network, progress = restore_network(checkpoint, recipe)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(network, out_path)
    manifest = draft_manifest(recipe, progress, file=out_path.name, sha256=file_sha256(out_path), quality=quality or {})
    if remark:
        told = manifest.training.model_copy(update={"recipe": manifest.training.recipe | {"remark": remark}})
        manifest = manifest.model_copy(update={"training": told})
    write_manifest(manifest, out_path.with_suffix(".json"))
    return manifest


def write_onnx(network: LandmarkNetwork, out_path: Path) -> None:
    """The graph with a free batch axis; arithmetic stays float32."""
    network.eval()
    plain = network.to(memory_format=torch.contiguous_format)
    program = torch.onnx.export(
        plain,
        (torch.zeros(2, 3, CROP_SIZE, CROP_SIZE),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
        verbose=False,
    )
    assert program is not None
    model = store_half(program.model_proto)
    onnx.checker.check_model(model, full_check=True)
    out_path.write_bytes(model.SerializeToString())


def landmark_gap(network: LandmarkNetwork, exported: Path, manifest: Manifest, garments: Sequence[Garment]) -> float:
    """Largest distance, in crop pixels, between what torch and ONNX Runtime estimate for the same garments."""
    ours = LandmarkEstimator(TorchSession(network), manifest).estimate(garments)
    theirs = LandmarkEstimator(OnnxSession(exported), manifest).estimate(garments)
    gaps = [
        np.linalg.norm(a.points_xy - b.points_xy, axis=1).max() / garment.to_photo.matrix[0, 0]
        for a, b, garment in zip(ours, theirs, garments, strict=True)
    ]
    return float(max(gaps))
