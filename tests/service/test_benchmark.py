"""The whole benchmark on a few real photos: every table is there, and a second run looks at nothing again."""

import json
from pathlib import Path

import pytest

from models.benchmark.photos import Size
from models.runtime.shipped import MODEL_NAMES
from models.training.data.readers import data_root
from service.benchmark_plots import draw_plots, plots_possible
from service.cli.benchmarking import measure
from service.settings import Settings, read_settings
from tests.models.benchmark.drawn_root import take_from

WEIGHTS_DIR = Settings().weights_dir
MISSING = [name for name in MODEL_NAMES if not (WEIGHTS_DIR / f"{name}.onnx").exists()]
SMALL = Size(originals=2, copies=1)
pytestmark = [
    pytest.mark.photos,
    pytest.mark.skipif(bool(MISSING), reason=f"no weights in {WEIGHTS_DIR}: {', '.join(MISSING)}"),
    pytest.mark.skipif(not data_root().is_dir(), reason=f"no real photos: {data_root()} is not there"),
]


def ablations_of(folder: Path) -> Path:
    """The shipped embedder in the place of two ablations: an ensemble of them answers as each of them."""
    for name in ("full", "full-7"):
        (folder / name).mkdir(parents=True)
        for file in ("embedder.onnx", "embedder.json"):
            (folder / name / file).symlink_to((WEIGHTS_DIR / file).resolve())
    return folder


def test_a_small_run_tells_everything_and_is_kept(tmp_path: Path) -> None:
    """Rows of the networks that are there, verdicts, kinds of edits, plots; the rest is owned up to."""
    root = take_from(data_root(), tmp_path / "data", training=4, validation=4, street=2, blanks=2)
    settings = read_settings(demo=False, log={"level": "WARNING"}, capacity={"model_threads": 1})
    cache = tmp_path / "cache"
    report = measure(settings, root, ablations_of(tmp_path / "ablations"), cache, SMALL)

    text = report.markdown()
    for words in (
        "ensemble of 2, learned weights", "shipped, hand-set weights", "hard, uniform prior", "by kind of edit",
        "three or more regions changed", "other designs on the same blank", "look-alikes judged similar",
        "Not measured here", "traditional, pcb, plain",
    ):  # fmt: skip
        assert words in text, words
    read = json.loads(report.as_json())
    assert [one["name"] for one in read["sets"]] == [
        "standard", "hard", "strong", "standard, uniform prior", "hard, uniform prior",
    ]  # fmt: skip
    # All three are the shipped embedder, so they have one digest, recipe and seed.
    networks = read["sets"][0]["networks"]
    assert [one["name"] for one in networks] == ["full", "full-7", "shipped"]
    assert all(one | {"name": ""} == networks[-1] | {"name": ""} for one in networks)
    assert networks[-1]["epochs"] and networks[-1]["wall_time_s"] > 0
    assert f"| shipped | {networks[-1]['digest']} | regions | yes |" in text
    lines = {(line.method, line.group): line.figures for line in report.sets[0].lines}
    alike = [lines[name, "all"] for name in ("full, learned weights", "ensemble of 2, learned weights")]
    assert {name: one.value for name, one in alike[0].items()} == {name: one.value for name, one in alike[1].items()}
    if plots_possible():
        for name in draw_plots(report, tmp_path):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    seen = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npz")}
    assert measure(settings, root, None, cache, SMALL).sets[0].copies == report.sets[0].copies
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.npz")} == seen
