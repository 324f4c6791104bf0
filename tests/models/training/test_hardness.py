"""How hard the hard set has to be: nearest to the paper's Traditional method, measured on training contributors."""

from pathlib import Path

import pytest

from models.benchmark.metrics import Figure
from models.benchmark.run import open_studio, shipped_network
from models.runtime.shipped import open_describer
from models.training.data.readers import data_root
from models.training.hardness import PAPER, Tried, Tuning, as_table, measure_hardness
from service.settings import Settings
from tests.models.benchmark.drawn_root import take_from

WEIGHTS_DIR = Settings().weights_dir


def tried(hardness: float, recall: float, precision: float) -> Tried:
    values = {"recall@20": recall, "mAP": precision}
    return Tried(hardness, {name: Figure(value, value, value, 60) for name, value in values.items()})


def test_the_nearest_to_the_paper_is_named() -> None:
    """By the mean distance of its two figures."""
    easy, right, hard = tried(1.0, 0.9, 0.7), tried(1.7, 0.66, 0.34), tried(2.5, 0.3, 0.1)
    assert right.gap == pytest.approx((0.015 + 0.008) / 2)
    assert as_table([easy, right, hard]).endswith("nearest: 1.7 (n = 60 garments)")


@pytest.mark.photos
@pytest.mark.skipif(not data_root().is_dir(), reason=f"no real photos: {data_root()} is not there")
@pytest.mark.skipif(not (WEIGHTS_DIR / "embedder.onnx").exists(), reason=f"no weights in {WEIGHTS_DIR}")
def test_each_value_is_measured_on_training_garments(tmp_path: Path) -> None:
    """On a few real photos, with the shipped embedder in the place of the Traditional one; no copy is of a validation
    photo, and the crowd counts as the whole gallery."""
    root = take_from(data_root(), tmp_path / "data", training=6, validation=1, street=1, blanks=1)
    describer = open_describer(WEIGHTS_DIR)
    studio = open_studio(describer, WEIGHTS_DIR, root, tmp_path / "cache")
    tuning = Tuning((1.0, 2.0), garments=2, copies=1, distractors=5)
    network = shipped_network(describer, WEIGHTS_DIR)
    found = measure_hardness(studio, network, studio.labels(), tmp_path / "embedded", tuning)
    assert [one.hardness for one in found] == [1.0, 2.0]
    for one in found:
        assert {name: 0 <= figure.value <= 1 for name, figure in one.figures.items()} == dict.fromkeys(PAPER, True)
    validation = {line.split(",")[0].removesuffix(".jpg") for line in _rows(root) if ",validation," in line}
    made = {path.name.rsplit("-", 1)[0] for path in (studio.seen).glob("hard-*/*.npz")}
    assert made and not made & validation
    describer.close()


def _rows(root: Path) -> list[str]:
    return (root / "garments" / "labels.csv").read_text().splitlines()
