"""The paper that travels with a model file: what it must be fed, how it was made, how good it was measured to be."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ModelFileError
from models.taxonomy import taxonomy_hash


class TrainingRecord(BaseModel):
    """How a model was trained: enough to do it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: dict[str, Any]
    data: str
    seed: int
    wall_time_s: float = Field(ge=0)
    started_from: str


class MeasuredForm(BaseModel):
    """One form of a network beside the shipped file, as `models.training trade` measured it.

    `sha256` and `megabytes` (10^6 bytes) are of the form's file; `slowness` is its time over the shipped one's.
    `agreement` with the shipped form is over `photos` photos, `quality` over `judged` photos or garments of the
    calibration fold. `failure` says why a form cannot be run: only its file is measured then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    megabytes: float = Field(ge=0)
    slowness: float = Field(default=0.0, ge=0)
    agreement: dict[str, float] = {}
    photos: int = Field(default=0, ge=0)
    quality: dict[str, float] = {}
    judged: int = Field(default=0, ge=0)
    failure: str = ""


class Manifest(BaseModel):
    """Beside every `NAME.onnx` lies its `NAME.json`, read by this class.

    `mean` and `std` are on a 0..1 scale in RGB order; `extra` holds what only this model's runtime class understands
    (thresholds, map sizes); `quality` measured figures by name, `untrained` the categories without data;
    `forms` what the file and its other forms (fp32, int8, fp16) cost and keep, empty where nobody compared them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    taxonomy: str
    inputs: dict[str, list[int | str]]
    outputs: list[str]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    training: TrainingRecord
    quality: dict[str, float]
    untrained: list[str] = []
    extra: dict[str, Any] = {}
    forms: tuple[MeasuredForm, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest and check that its model file is the one it speaks of.

    Raises ModelFileError where the manifest or the model is missing, altered, or made for another taxonomy.
    """
    try:
        manifest = Manifest.model_validate_json(path.read_text())
        digest = file_sha256(path.with_name(manifest.file))
    except (OSError, ValidationError) as error:
        raise ModelFileError(f"{path}: {error}") from error
    if digest != manifest.sha256:
        raise ModelFileError(f"{manifest.file} is not the file its manifest describes (sha256 {digest[:12]})")
    if manifest.taxonomy != taxonomy_hash():
        raise ModelFileError(f"{manifest.name} was trained for taxonomy {manifest.taxonomy}, this is {taxonomy_hash()}")
    return manifest


def write_manifest(manifest: Manifest, path: Path) -> None:
    path.write_text(manifest.model_dump_json(indent=1) + "\n")


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
