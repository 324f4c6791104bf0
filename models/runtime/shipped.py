"""A folder of networks with their manifests → a describer; for serving, calibration and benchmarks alike."""

from __future__ import annotations

from pathlib import Path

from models.manifest import Manifest, read_manifest
from models.runtime.batching import BatchedSession
from models.runtime.describe import PhotoDescriber, models_version
from models.runtime.detector import GarmentDetector
from models.runtime.embedder import RegionEmbedder
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.running import CUDA_PROVIDER, Running
from models.runtime.session import ModelSession, OnnxSession

MODEL_NAMES = ("detector", "landmarker", "embedder")


def open_describer(folder: Path, running: Running | None = None) -> PhotoDescriber:
    """The networks of `folder`. Raises ModelFileError where one is missing, altered or of another taxonomy."""
    running = Running() if running is None else running
    manifests = [read_manifest(folder / f"{name}.json") for name in MODEL_NAMES]
    plain = [_open(folder, manifest, running) for manifest in manifests]
    sessions = [_batched(session, manifest, running) for session, manifest in zip(plain, manifests, strict=True)]
    return PhotoDescriber(
        GarmentDetector(sessions[0], manifests[0]),
        LandmarkEstimator(sessions[1], manifests[1]),
        RegionEmbedder(sessions[2], manifests[2]),
        models_version(manifests),
        engines=tuple(session.engine for session in plain),
        batched=tuple(session for session in sessions if isinstance(session, BatchedSession)),
    )


def takes_batches(manifest: Manifest) -> bool:
    """Whether the first axis of every input is free."""
    return all(str(shape[0]) == "batch" for shape in manifest.inputs.values())


def _open(folder: Path, manifest: Manifest, running: Running) -> OnnxSession:
    return OnnxSession(folder / manifest.file, device=running.device, threads=running.threads)


def _batched(session: OnnxSession, manifest: Manifest, running: Running) -> ModelSession:
    wanted = running.batching is not None and (session.provider == CUDA_PROVIDER or not running.gpu_only)
    if running.batching is None or not wanted or not takes_batches(manifest):
        return session
    name = manifest.name
    return BatchedSession(session, running.batching, lambda rows: running.watch(name, rows))
