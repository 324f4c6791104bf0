"""Manifests and the model files they speak of."""

import json
from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord, file_sha256, read_manifest, write_manifest
from models.taxonomy import taxonomy_hash


@pytest.fixture
def manifest_path(tmp_path: Path) -> Path:
    (tmp_path / "m.onnx").write_bytes(b"weights")
    manifest = Manifest(
        name="m", version="1", file="m.onnx", sha256=file_sha256(tmp_path / "m.onnx"), taxonomy=taxonomy_hash(),
        inputs={"x": [1, 3, 8, 8]}, outputs=["y"], mean=(0, 0, 0), std=(1, 1, 1), quality={"recall": 0.9},
        training=TrainingRecord(recipe={}, data="drawn", seed=1, wall_time_s=2.0, started_from="scratch"),
    )  # fmt: skip
    write_manifest(manifest, tmp_path / "m.json")
    return tmp_path / "m.json"


def test_a_manifest_reads_back_as_it_was_written(manifest_path: Path) -> None:
    """Nothing is lost between training and serving."""
    assert read_manifest(manifest_path).quality == {"recall": 0.9}


def test_an_altered_model_file_is_not_trusted(manifest_path: Path) -> None:
    """One flipped byte and the process must not become ready."""
    manifest_path.with_name("m.onnx").write_bytes(b"weightz")
    with pytest.raises(ModelFileError, match="not the file"):
        read_manifest(manifest_path)


def test_a_model_of_another_taxonomy_is_not_trusted(manifest_path: Path) -> None:
    """Its channels would mean other landmarks."""
    content = json.loads(manifest_path.read_text())
    manifest_path.write_text(json.dumps(content | {"taxonomy": "other"}))
    with pytest.raises(ModelFileError, match="taxonomy"):
        read_manifest(manifest_path)


@pytest.mark.parametrize("change", [{"sha256": "short"}, {"surprise": 1}, {"mean": [1]}])
def test_a_manifest_with_wrong_or_unknown_fields_is_refused(manifest_path: Path, change: dict[str, object]) -> None:
    """Newer manifests fail loudly instead of being half understood."""
    content = json.loads(manifest_path.read_text())
    manifest_path.write_text(json.dumps(content | change))
    with pytest.raises(ModelFileError):
        read_manifest(manifest_path)
