"""The doctor finds what is missing and says what to do."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.manifest import Manifest, TrainingRecord, file_sha256, write_manifest
from models.taxonomy import taxonomy_hash
from service.cli import doctor
from service.cli.commands import app
from service.cli.doctor import MODELS, Finding, State, examine
from service.settings import WEIGHTS_DIR, Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A machine where all is well: three small model files, a free port, a data dir."""
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in MODELS:
        (weights / f"{name}.onnx").write_bytes(name.encode())
        record = TrainingRecord(recipe={}, data="none", seed=0, wall_time_s=0, started_from="nothing")
        manifest = Manifest(
            name=name, version="1", file=f"{name}.onnx", sha256=file_sha256(weights / f"{name}.onnx"),
            taxonomy=taxonomy_hash(), inputs={}, outputs=[], mean=(0, 0, 0), std=(1, 1, 1), training=record, quality={},
        )  # fmt: skip
        write_manifest(manifest, weights / f"{name}.json")
    shutil.copy(WEIGHTS_DIR / "region_weights.json", weights)
    return read_settings({}, weights_dir=weights, data_dir=tmp_path / "data", port=0)


def _findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings)}


def test_all_is_well_on_this_machine(settings: Settings) -> None:
    """Engines answer, packages are there, models match their manifests."""
    assert {name: found for name, found in _findings(settings).items() if found.state is not State.OK} == {}
    assert not settings.data_dir.exists(), "looking changes nothing"


def test_an_altered_model_is_a_failure_with_advice(settings: Settings) -> None:
    """The digest in the manifest catches it."""
    (settings.weights_dir / "embedder.onnx").write_bytes(b"altered")
    found = _findings(settings)["embedder"]
    assert found.state is State.FAILURE
    assert "not the file" in found.found
    assert "repository" in found.advice


def test_a_missing_manifest_and_wrong_weights_are_failures(settings: Settings) -> None:
    """Every file the start needs is opened."""
    (settings.weights_dir / "detector.json").unlink()
    (settings.weights_dir / "region_weights.json").write_text(json.dumps({"version": "1", "groups": {}}))
    findings = _findings(settings)
    assert findings["detector"].state is State.FAILURE
    assert findings["region weights"].state is State.FAILURE


def test_a_taken_port_is_a_warning(settings: Settings) -> None:
    """It may be Selvedge itself."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = _findings(settings.model_copy(update={"port": port}))[f"port {port}"]
    assert found.state is State.WARNING
    assert "--port" in found.advice


def test_a_data_dir_that_cannot_be_made_is_a_failure(settings: Settings, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("in the way")
    found = _findings(settings.model_copy(update={"data_dir": tmp_path / "file" / "data"}))["data dir"]
    assert found.state is State.FAILURE


def test_redis_away_is_a_warning_only(settings: Settings) -> None:
    """Checks work without it."""
    found = _findings(settings.model_copy(update={"redis_url": "redis://127.0.0.1:9"}))["Redis"]
    assert found.state is State.WARNING
    assert _findings(settings.model_copy(update={"redis_url": "off"}))["Redis"].state is State.OK


def test_a_redis_of_kept_answers_is_asked_too(settings: Settings) -> None:
    """It is another server than that of the caches."""
    away = settings.idempotency.model_copy(update={"redis_url": "redis://127.0.0.1:9"})
    found = _findings(settings.model_copy(update={"idempotency": away}))["Redis of kept answers"]
    assert found.state is State.WARNING
    assert "SELVEDGE_IDEMPOTENCY__REDIS_URL" in found.advice
    assert "Redis of kept answers" not in _findings(settings)


def test_an_engine_that_crashes_does_not_take_the_doctor_along(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried in a process of its own."""
    monkeypatch.setattr(doctor, "_VECTORS", "import os; os.abort()")
    found = _findings(settings)["vector engine"]
    assert found.state is State.FAILURE
    assert found.found == "ended with -6"


def test_a_failure_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the table says what to do; brackets in a message stay as they are."""
    finding = Finding("detector", State.FAILURE, "[Errno 2] gone", "bring it back")
    monkeypatch.setattr(doctor, "examine", lambda _settings: iter([finding]))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "[Errno 2] gone" in result.output
    assert "bring it back" in result.output


def test_both_builds_of_an_engine_are_a_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra gpu excludes the extra cpu; pip itself does not notice."""
    assert _findings(settings)["engines"].found == "faiss-cpu, onnxruntime"
    monkeypatch.setattr(doctor, "ENGINE_PAIRS", (("pytest", "numpy"),))
    found = _findings(settings)["engines"]
    assert found.state is State.FAILURE
    assert "pytest and numpy" in found.found
    assert "not both" in found.advice


def test_what_is_kept_elsewhere_is_asked_too(settings: Settings, tmp_path: Path) -> None:
    """A Milvus that is away or not installed, a store that is none; one that answers is well."""
    there = read_settings(
        {}, weights_dir=settings.weights_dir, data_dir=tmp_path, port=0, photos={"url": "memory://doctor"}
    )
    assert _findings(there)["photos"] == Finding("photos", State.OK, "memory://doctor answers")
    assert "Milvus" not in _findings(there)
    milvus = {"engine": "milvus", "milvus": {"uri": "http://127.0.0.1:9", "timeout_s": 1}}
    away = read_settings(
        {}, weights_dir=settings.weights_dir, data_dir=tmp_path, index=milvus, photos={"url": "ftp://x"}
    )
    found = _findings(away)
    for name in ("Milvus", "photos"):
        assert (found[name].state, bool(found[name].advice)) == (State.FAILURE, True)
