"""A folder of networks with their manifests → a describer; for serving, calibration and benchmarks alike."""

from __future__ import annotations

from pathlib import Path

from models.manifest import Manifest, read_manifest
from models.runtime.describe import PhotoDescriber, models_version
from models.runtime.detector import GarmentDetector
from models.runtime.embedder import RegionEmbedder
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import OnnxSession

MODEL_NAMES = ("detector", "landmarker", "embedder")


def open_describer(folder: Path, *, threads: int = 0) -> PhotoDescriber:
    """The networks of `folder`; `threads` inside one run, 0 lets the engine choose.

    Raises ModelFileError where one is missing, altered or of another taxonomy.
    """
    manifests = [read_manifest(folder / f"{name}.json") for name in MODEL_NAMES]
    return PhotoDescriber(
        GarmentDetector(_open(folder, manifests[0], threads), manifests[0]),
        LandmarkEstimator(_open(folder, manifests[1], threads), manifests[1]),
        RegionEmbedder(_open(folder, manifests[2], threads), manifests[2]),
        models_version(manifests),
    )


def _open(folder: Path, manifest: Manifest, threads: int) -> OnnxSession:
    return OnnxSession(folder / manifest.file, threads=threads)
