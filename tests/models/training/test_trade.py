"""Other forms of a network: made from the exported file, run in turns, judged by what they keep."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.geometry import Box
from models.manifest import MeasuredForm
from models.preprocessing import crop_garment
from models.runtime.session import OnnxSession
from models.training.export import store_half
from models.training.trade import Line, Outcome, agreement, interleaved, slowness
from models.training.trade_report import best_of, page
from models.training.variants import RecordingSession, Variant, widened, write_variant
from models.types import Detection, Image, Landmarks, RegionEmbeddings
from tests.models.training.data.drawn_garments import t_shirt


def small_network() -> onnx.ModelProto:
    """Two convolutions with a ReLU between them and any batch size: what the exports are made of."""
    random = np.random.default_rng(1)
    weights = {
        "first": random.normal(0, 0.3, (16, 3, 3, 3)).astype(np.float32),
        "second": random.normal(0, 0.2, (8, 16, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["pictures", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["maps"], pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 8, 16, 16])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """As exports write it: halves stored, float32 computed."""
    path = tmp_path / "small.onnx"
    onnx.save(store_half(small_network()), path)
    return path


def fed(count: int = 4, seed: int = 3) -> dict[str, np.ndarray]:
    return {"pictures": np.random.default_rng(seed).normal(0, 1, (count, 3, 16, 16)).astype(np.float32)}


def test_widening_undoes_the_storing_of_halves(shipped: Path) -> None:
    """No cast is left, and the answers are the same to the last bit."""
    wide = widened(onnx.load(shipped))
    assert [node.op_type for node in wide.graph.node] == ["Conv", "Relu", "Conv"]
    assert {tensor.data_type for tensor in wide.graph.initializer} == {TensorProto.FLOAT}
    onnx.save(wide, shipped.with_name("wide.onnx"))
    before, after = (OnnxSession(path).run(fed())[0] for path in (shipped, shipped.with_name("wide.onnx")))
    assert np.array_equal(before, after)


@pytest.mark.filterwarnings("ignore")  # the converter warns of weights that halves round to nothing
@pytest.mark.parametrize(
    ("variant", "least"),
    [(Variant.SHIPPED, 1.0), (Variant.FULL, 1.0), (Variant.INT8, 0.99), (Variant.HALF, 0.9999)],
)
def test_a_form_answers_nearly_what_the_shipped_one_does(shipped: Path, variant: Variant, least: float) -> None:
    """On pictures that it was not calibrated on, in batches of any size."""
    out = write_variant(variant, shipped, shipped.with_name(f"{variant}.onnx"), [fed(seed=4), fed(seed=5)])
    ours, theirs = OnnxSession(out).run(fed())[0].ravel(), OnnxSession(shipped).run(fed())[0].ravel()
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) >= least - 1e-6
    assert np.array_equal(ours, theirs) is (variant in (Variant.SHIPPED, Variant.FULL))


def test_the_fp32_form_stores_every_weight_in_four_bytes(tmp_path: Path) -> None:
    """What the storing of halves saved: nearly half of a file that is nearly all weights."""
    weights = np.random.default_rng(2).normal(0, 0.1, (64, 64, 3, 3)).astype(np.float32)
    model = small_network()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "first"))
    onnx.save(store_half(model), tmp_path / "small.onnx")
    out = write_variant(Variant.FULL, tmp_path / "small.onnx", tmp_path / "fp32.onnx", [])
    assert {tensor.data_type for tensor in onnx.load(out).graph.initializer} == {TensorProto.FLOAT}
    assert out.stat().st_size == pytest.approx(2 * (tmp_path / "small.onnx").stat().st_size, rel=0.02)


def test_int8_stores_its_weights_in_bytes(shipped: Path) -> None:
    out = write_variant(Variant.INT8, shipped, shipped.with_name("int8.onnx"), [fed()])
    sizes = {tensor.name: tensor.data_type for tensor in onnx.load(out).graph.initializer if len(tensor.dims) == 4}
    assert set(sizes.values()) == {TensorProto.INT8}


def test_a_recording_session_keeps_what_it_was_fed(shipped: Path) -> None:
    """A copy: serving may reuse its arrays."""
    session, asked = RecordingSession(OnnxSession(shipped)), fed()
    answer = session.run(asked)[0]
    asked["pictures"][:] = 0
    assert np.array_equal(OnnxSession(shipped).run(session.feeds[0])[0], answer)


def test_forms_take_turns_in_changing_order() -> None:
    """Each turn belongs to all of them; the first run of each warms it up and is not counted."""
    asked: list[tuple[Variant, int]] = []

    def runner(variant: Variant) -> Callable[[int], object]:
        def run(number: int) -> object:
            asked.append((variant, number))
            return variant, number

        return run

    runners = {variant: runner(variant) for variant in Variant}
    seconds, answers = interleaved(runners, 3)
    forms = len(Variant)
    counted = asked[forms:]
    assert [number for _, number in counted] == [number for number in range(3) for _ in Variant]
    assert [counted[turn * forms][0] for turn in range(3)] == list(Variant)[:3]
    assert answers[Variant.INT8] == [(Variant.INT8, number) for number in range(3)]
    assert {len(taken) for taken in seconds.values()} == {3}
    assert slowness([1.0, 4.0, 9.0], [2.0, 2.0, 3.0]) == 2.0


def garment_line() -> Line:
    picture = t_shirt()
    image = Image(picture.pixels, "0" * 64)
    garment = crop_garment(image, Detection(Box(26, 36, 230, 238), picture.landmarks.category, 0.9))
    return Line([image], [garment], [picture.landmarks])


def test_agreement_is_told_in_the_terms_of_each_network() -> None:
    """Cosines of regions, pixels of the crop, overlaps of boxes."""
    line = garment_line()
    rows = np.zeros((5, 4), np.float32)
    rows[:3, 0] = 1
    turned = rows.copy()
    turned[0] = (0.6, 0.8, 0, 0)
    one, other = (RegionEmbeddings(vectors, np.zeros((5, 3), np.float32)) for vectors in (rows, turned))
    assert agreement([other], [one], line) == pytest.approx({"cosine_median": 1.0, "cosine_p5": 0.64})
    marks = line.landmarks[0]
    moved = Landmarks(marks.category, marks.points_xy + (3, 4), marks.confidence, marks.visible)
    scale = float(line.garments[0].to_photo.matrix[0, 0])
    assert agreement([moved], [marks], line)["shift_median"] == pytest.approx(5 / scale, rel=1e-3)
    boxes = [Detection(Box(0, 0, 10, 10), marks.category, 0.9), Detection(Box(20, 0, 30, 10), marks.category, 0.9)]
    assert agreement([boxes[:1]], [boxes], line) == {"iou_median": 0.5, "found_again": 0.5}


def outcome(variant: Variant, slow: float = 1.0, megabytes: float = 10.0, **changes: float) -> Outcome:
    quality = {"top1": 0.9, "mean_error": 0.03} | changes
    form = MeasuredForm(name=variant, sha256="0" * 64, megabytes=megabytes, slowness=slow, quality=quality)
    return Outcome("embedder", "5", form)


BROKEN = Outcome("embedder", "5", MeasuredForm(name=Variant.HALF, sha256="0" * 64, megabytes=5.0, failure="no kernel"))


def test_a_form_ships_only_where_it_keeps_the_quality_and_gains_something() -> None:
    """An error that grows is a loss as much as a recall that falls."""
    shipped = outcome(Variant.SHIPPED)
    assert best_of([shipped, outcome(Variant.INT8, 0.5)]).name == Variant.INT8
    assert best_of([shipped, outcome(Variant.INT8, 0.5, top1=0.88)]).name == Variant.SHIPPED
    assert best_of([shipped, outcome(Variant.INT8, 0.5, mean_error=0.04)]).name == Variant.SHIPPED
    assert best_of([shipped, outcome(Variant.HALF, 0.97)]).name == Variant.SHIPPED
    assert best_of([shipped, outcome(Variant.INT8, 1.0, 5.0)]).name == Variant.INT8
    assert best_of([shipped, outcome(Variant.INT8, 1.2, 5.0)]).name == Variant.SHIPPED
    assert best_of([shipped, BROKEN]).name == Variant.SHIPPED


def test_the_page_tells_each_networks_version_and_what_would_ship() -> None:
    """Nothing has to be added to it by hand."""
    older = dataclasses.replace(outcome(Variant.SHIPPED), network="detector", version="2")
    told = page([older, outcome(Variant.SHIPPED), outcome(Variant.INT8, 0.5), BROKEN], "On two photos.")
    assert "| detector | 2 | shipped | 10.0 | 1.00 |" in told
    assert "| embedder | 5 | shipped | 10.0 | 1.00 |" in told
    assert "| embedder | 5 | int8 | 10.0 | 0.50 |" in told
    assert "| embedder | 5 | fp16 | 5.0 | – | – | cannot be run: no kernel |" in told
    assert "- detector: the shipped form stays." in told
    assert "- embedder: **int8** would be better." in told
    assert all(f"**{variant}**:" in told for variant in Variant)
