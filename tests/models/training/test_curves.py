"""Curves of what moves a figure: read from the manifests of ablations, one option changed at a time."""

from pathlib import Path

import pytest

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord, file_sha256
from models.taxonomy import REGIONS, taxonomy_hash
from models.training.curves import AXES, Learnt, curve, draw, learnt_of, markdown, read_points
from models.training.embedder.ablation import AS_IT_IS, Point


def learnt(point: Point = AS_IT_IS, parted: float = 0.9, first: float = 0.8, **beside: object) -> Learnt:
    told = {"started from": "trunk of embedder.onnx"} | beside
    return Learnt(point, parted, first, garments=100, wall_time_s=600.0, beside=told)


def write_manifest(folder: Path, share: float) -> None:
    folder.mkdir(parents=True)
    model = folder / "embedder.onnx"
    model.write_bytes(b"a network")
    recipe = {
        "plan": {"share": share},
        "schedule": {"epochs": 5},
        "design": {"dimension": 128, "frozen_stages": 6},
    }
    quality = {f"calibration_{name.value}_auc": 0.9 for name in REGIONS}
    manifest = Manifest(
        name="embedder",
        version="1",
        file=model.name,
        sha256=file_sha256(model),
        taxonomy=taxonomy_hash(),
        inputs={},
        outputs=[],
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        training=TrainingRecord(recipe=recipe, data="", seed=1, wall_time_s=60.0, started_from=""),
        quality=quality | {"calibration_top1": 0.5, "calibration_queries": 290.0},
    )
    (folder / "embedder.json").write_text(manifest.model_dump_json())


def test_a_curve_holds_the_base_and_what_differs_in_its_axis_alone() -> None:
    base, quarter, small = learnt(), learnt(Point(share=0.25)), learnt(Point(dimension=32))
    both = learnt(Point(share=0.25, dimension=32))
    assert curve(base, [quarter, small, both], "share") == [quarter, base]
    assert curve(base, [quarter, small, both], "dimension") == [small, base]
    assert curve(base, [quarter, small, both], "epochs") == [base]


def test_a_point_of_another_design_is_no_point_of_the_curve() -> None:
    """Nothing is drawn of it: what it shows is not what the axis says."""
    base, plain = learnt(attention=True), learnt(Point(epochs=2), attention=False)
    with pytest.raises(ModelFileError, match="attention differ"):
        curve(base, [plain], "epochs")
    assert curve(base, [learnt(Point(epochs=2))], "epochs") != [base], "an older manifest does not tell"


def test_the_table_has_no_line_for_a_curve_of_one_point() -> None:
    table = markdown(learnt(), [learnt(Point(share=0.5), parted=0.85)])
    assert "| share of the training garments | 0.5 | 0.850 | 0.800 ± 0.078 | 10 min |" in table
    assert AXES["epochs"] not in table


def test_the_interval_is_wider_the_fewer_were_asked() -> None:
    assert learnt(first=0.5).margin == pytest.approx(0.098)
    assert learnt(first=1.0).margin == 0.0


def test_points_are_read_wherever_they_lie_under_the_folder(tmp_path: Path) -> None:
    write_manifest(tmp_path / "half" / "full", 0.5)
    write_manifest(tmp_path / "quarter" / "full", 0.25)
    points = read_points(tmp_path)
    assert [one.point.share for one in points] == [0.5, 0.25]
    assert points[0].parted == pytest.approx(0.9)
    assert points[0].garments == 145


def test_a_folder_without_points_and_a_manifest_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no embedder\.json"):
        read_points(tmp_path)
    write_manifest(tmp_path / "full", 1.0)
    told = Manifest.model_validate_json((tmp_path / "full" / "embedder.json").read_text())
    with pytest.raises(ModelFileError, match="no ablation"):
        learnt_of(told.model_copy(update={"quality": {}}))


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "curves.png"
    draw(learnt(), [learnt(Point(share=0.5)), learnt(Point(epochs=2))], out)
    assert out.read_bytes().startswith(b"\x89PNG")
