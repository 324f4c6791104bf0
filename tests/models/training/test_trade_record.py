"""`trade --record`: what the forms of a network cost and keep goes into the manifest beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord, file_sha256, read_manifest, write_manifest
from models.runtime.session import ModelSession, OnnxSession
from models.taxonomy import LANDMARK_CHANNELS, taxonomy_hash
from models.training.__main__ import app
from models.training.export import store_half
from models.training.trade import Outcome, compare_forms, record_forms
from models.training.variants import RecordingSession, Variant
from models.types import Image
from tests.models.training.test_trade import garment_line

pytestmark = pytest.mark.filterwarnings("ignore")  # the converter warns of weights that halves round to nothing


def write_landmarker(path: Path, seed: int) -> None:
    """One convolution from pictures to maps of every landmark, stored as exports store it."""
    weights = np.random.default_rng(seed).normal(0, 0.3, (LANDMARK_CHANNELS, 3, 4, 4)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["pictures", "weights"], ["heatmaps"], strides=[4, 4])],
        "landmarker",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["batch", LANDMARK_CHANNELS, 56, 56])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(store_half(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)), path)


def described(file: Path) -> Manifest:
    return Manifest(
        name="landmarker", version="7", file=file.name, sha256=file_sha256(file), taxonomy=taxonomy_hash(),
        inputs={"pictures": ["batch", 3, 224, 224]}, outputs=["heatmaps"], mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
        training=TrainingRecord(recipe={}, data="drawn", seed=1, wall_time_s=0, started_from="nothing"),
        quality={"gold_mean_error": 0.5}, extra={"visible_peak": 0.2},
    )  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a small landmark network and its manifest, version 7."""
    folder = tmp_path / "weights"
    folder.mkdir()
    write_landmarker(folder / "landmarker.onnx", seed=1)
    write_manifest(described(folder / "landmarker.onnx"), folder / "landmarker.json")
    return folder


def judge(_network: str, _session: ModelSession, _manifest: Manifest) -> tuple[dict[str, float], int]:
    return {"mean_error": 0.02, "unmeasurable": float("nan")}, 12


def compared(weights: Path, work: Path) -> list[Outcome]:
    """All forms of that network on one drawn T-shirt, as `trade` compares them."""
    work.mkdir(parents=True, exist_ok=True)
    line = garment_line()
    taught = RecordingSession(OnnxSession(weights / "landmarker.onnx"))
    line.runner("landmarker", taught, read_manifest(weights / "landmarker.json"))(0)
    return compare_forms("landmarker", weights, work, line, taught.feeds, judge)


@pytest.fixture
def asked_of_small_things(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command without photos: its shelf, its fold and its networks are the drawn ones."""

    def compare(
        weights: Path, _taught: Sequence[Image], _images: Sequence[Image], work: Path, *_asked: object
    ) -> list[Outcome]:
        return compared(weights, work)

    monkeypatch.setattr("models.training.embedder.shelf.open_shelf", lambda _work, _root: None)
    monkeypatch.setattr("models.training.trade_report.FoldQuality", lambda _root, _shelf, **_sizes: judge)
    monkeypatch.setattr("models.training.trade.spread_photos", lambda _root, _count: ([], []))
    monkeypatch.setattr("models.training.trade.compare_variants", compare)


def trade(weights: Path, *options: str) -> str:
    work = weights.with_name("work")
    folders = ["--weights", str(weights), "--work", str(work), "--data", str(weights.parent)]
    answer = CliRunner().invoke(app, ["trade", *folders, *options])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.usefixtures("asked_of_small_things")
def test_the_manifest_tells_of_each_form_once_it_was_asked_to(weights: Path) -> None:
    """Size, time, agreement and quality of the shipped file and the three others; nothing else in it changes."""
    before = read_manifest(weights / "landmarker.json")
    trade(weights)
    assert read_manifest(weights / "landmarker.json") == before
    out = weights.with_name("export.md")
    trade(weights, "--record", "--out", str(out))
    after = read_manifest(weights / "landmarker.json")
    assert after.model_copy(update={"forms": ()}) == before
    assert [form.name for form in after.forms] == ["shipped", "fp32", "int8", "fp16"]
    shipped, full, int8, half = after.forms
    assert full.megabytes > 1.8 * shipped.megabytes
    assert shipped.sha256 == after.sha256
    assert shipped.slowness == 1.0
    assert shipped.agreement == full.agreement == {"shift_median": 0.0, "shift_p95": 0.0}
    assert int8.sha256 != half.sha256
    assert all(form.quality == {"mean_error": 0.02} and (form.photos, form.judged) == (1, 12) for form in after.forms)
    assert all(f"| landmarker | 7 | {form.name} |" in out.read_text() for form in after.forms)


def test_a_form_that_cannot_be_run_is_told_with_its_reason(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another engine may have no kernel for it; the others are compared all the same."""

    def opened(path: Path, **running: int) -> OnnxSession:
        if path.stem.endswith(Variant.HALF):
            raise ModelFileError("no kernel\nof that kind")
        return OnnxSession(path, **running)

    monkeypatch.setattr("models.training.trade.OnnxSession", opened)
    record_forms(weights, compared(weights, weights / "work"))
    *others, half = read_manifest(weights / "landmarker.json").forms
    assert (half.name, half.failure, half.quality, half.photos) == ("fp16", "no kernel", {}, 0)
    assert half.megabytes > 0
    assert [form.failure for form in others] == ["", "", ""]


def test_a_network_that_was_replaced_meanwhile_keeps_its_own_manifest(weights: Path) -> None:
    """Measuring takes long; figures of the file before would be told of the file after."""
    outcomes = compared(weights, weights / "work")
    write_landmarker(weights / "landmarker.onnx", seed=2)
    write_manifest(described(weights / "landmarker.onnx"), weights / "landmarker.json")
    with pytest.raises(ModelFileError, match="was replaced"):
        record_forms(weights, outcomes)
    assert read_manifest(weights / "landmarker.json").forms == ()
