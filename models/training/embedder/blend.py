"""The mean of two exported embedders, of which one was trained on from the other.

Two points of one training run agree on much and err apart; their mean errs less than either, for the price of one.
Source: Wortsman et al., "Model soups", ICML 2022.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord, file_sha256, read_manifest, write_manifest
from models.runtime.session import OnnxSession
from models.training.checkpoint import learning_or_not
from models.training.embedder.evaluate import measure, prepare_trial
from models.training.embedder.export import describe_with_session
from models.training.embedder.shelf import GarmentShelf

KINDS = (np.dtype(np.float16), np.dtype(np.float32))


def blend_embedders(first: Path, second: Path, out: Path, shelf: GarmentShelf, version: str) -> Manifest:
    """Write the mean of two embedders (`.onnx` with manifests beside) to `out`, measured on the calibration fold.

    Raises ModelFileError where their graphs differ.
    """
    earlier, later = (read_manifest(path.with_suffix(".json")) for path in (first, second))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "embedder.onnx"
    path.write_bytes(blend_graphs(onnx.load(first), onnx.load(second)).SerializeToString())
    seed = later.training.seed
    trial = prepare_trial(shelf)
    quality = measure(trial, describe_with_session(OnnxSession(path, threads=1)))
    record = TrainingRecord(
        recipe=later.training.recipe | {"blend": "mean of the weights of both"},
        data=later.training.data,
        seed=seed,
        wall_time_s=later.training.wall_time_s,
        started_from=f"the mean of {_name(earlier)} and of a run that started from it: {later.training.started_from}",
    )
    measured = {f"calibration_{name}": round(value, 4) for name, value in quality.items()}
    changes = {"version": version, "sha256": file_sha256(path), "training": record, "quality": measured, "forms": ()}
    manifest = later.model_copy(update=changes | {"file": path.name})
    write_manifest(manifest, path.with_suffix(".json"))
    return manifest


def blend_graphs(first: onnx.ModelProto, second: onnx.ModelProto) -> onnx.ModelProto:
    """`second` with the mean of both graphs' weights. Raises ModelFileError where they are not of one network."""
    theirs = {learning_or_not(tensor.name): numpy_helper.to_array(tensor) for tensor in first.graph.initializer}
    if set(theirs) != {learning_or_not(tensor.name) for tensor in second.graph.initializer}:
        raise ModelFileError("the two embedders have different graphs")
    for tensor in second.graph.initializer:
        ours, other = numpy_helper.to_array(tensor), theirs[learning_or_not(tensor.name)]
        if ours.shape != other.shape or ours.dtype != other.dtype:
            raise ModelFileError(
                f"{tensor.name}: {ours.dtype} {ours.shape}, and {other.dtype} {other.shape} in the other"
            )
        if ours.dtype in KINDS:
            mean = (ours.astype(np.float64) + other.astype(np.float64)) / 2
            tensor.CopyFrom(numpy_helper.from_array(mean.astype(ours.dtype), tensor.name))
    return second


def _name(manifest: Manifest) -> str:
    return f"{manifest.name} {manifest.version} ({manifest.sha256[:12]})"
