"""Manifests and the model files they speak of."""

import json
from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.manifest import Manifest, MeasuredForm, TrainingRecord, file_sha256, read_manifest, write_manifest
from models.runtime.describe import models_version
from models.runtime.shipped import MODEL_NAMES
from models.taxonomy import taxonomy_hash

WEIGHTS = Path("models/weights")


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


def test_a_manifest_tells_of_the_forms_that_were_compared(manifest_path: Path) -> None:
    """Size, time, agreement and quality of each read back, also of one that cannot be run; which models are served,
    and so what was stored of photos, does not change by it.
    """
    plain = read_manifest(manifest_path)
    int8 = MeasuredForm(
        name="int8", sha256="0" * 64, megabytes=5.4, slowness=0.85, agreement={"cosine_median": 0.964}, photos=40,
        quality={"top1": 0.99}, judged=290,
    )  # fmt: skip
    broken = MeasuredForm(name="fp16", sha256="1" * 64, megabytes=9.7, failure="no kernel")
    write_manifest(plain.model_copy(update={"forms": (int8, broken)}), manifest_path)
    told = read_manifest(manifest_path)
    assert told.forms == (int8, broken)
    assert told.model_copy(update={"forms": ()}) == plain
    assert models_version([told]) == models_version([plain])


def test_a_manifest_from_before_forms_were_compared_is_still_read(manifest_path: Path) -> None:
    content = json.loads(manifest_path.read_text())
    del content["forms"]
    manifest_path.write_text(json.dumps(content))
    assert read_manifest(manifest_path).forms == ()


@pytest.mark.parametrize("change", [{"megabytes": None}, {"quality": {"top1": None}}, {"surprise": 1}, {"photos": -1}])
def test_a_form_without_its_size_or_with_an_empty_figure_is_refused(
    manifest_path: Path, change: dict[str, object]
) -> None:
    content = json.loads(manifest_path.read_text())
    form = {"name": "int8", "sha256": "0" * 64, "megabytes": 5.4}
    manifest_path.write_text(json.dumps(content | {"forms": [form]}))
    assert read_manifest(manifest_path).forms[0].name == "int8"
    manifest_path.write_text(json.dumps(content | {"forms": [form | change]}))
    with pytest.raises(ModelFileError, match="forms"):
        read_manifest(manifest_path)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_what_a_shipped_manifest_tells_of_forms_is_of_the_file_that_ships(name: str) -> None:
    """A network that replaces another must not keep the figures of its forms."""
    manifest = read_manifest(WEIGHTS / f"{name}.json")
    assert {form.sha256 for form in manifest.forms if form.name == "shipped"} <= {manifest.sha256}
