"""The report: what must be reached, every table, and JSON that any reader accepts."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from models.benchmark.metrics import NOTHING, Figure, bootstrap
from models.benchmark.photos import QUICK, Size
from models.benchmark.ranking import Ranking
from models.benchmark.reliability import reliability_of
from models.benchmark.run import SetReport
from models.benchmark.sets import HARD, STANDARD
from models.benchmark.table import ALL, NetworkLine, by_edit, gain_of, lines_of
from service.benchmark_calibration import Calibration
from service.benchmark_measures import VerdictLine, VerdictReport
from service.benchmark_report import LEARNED, BenchmarkReport, reached
from service.benchmark_thresholds import NEVER, QUIET, Sureness, Threshold

TRADITIONAL = "Traditional"
NETWORKS = (
    NetworkLine("traditional", "0123456789ab", "whole", False, 0.5, 5, 2030, 1437.0, "trunk of embedder.onnx"),
    NetworkLine("shipped", "ba9876543210", None, None, None, None, 2036, 1661.0, "embedder.onnx of 741d"),
)


def ranking(places: list[int]) -> Ranking:
    owners = np.array(["a", "b", "c"])
    return Ranking(owners, np.array(["dress"] * 3), np.array(places, float), np.array(places, float))


def report_of(size: Size = QUICK, missing: tuple[str, ...] = ("pcb",)) -> BenchmarkReport:
    """Learned weights find everything, Traditional a third."""
    good, poor = ranking([1, 1, 1]), ranking([1, 50, 60])
    lines = (*lines_of(TRADITIONAL, poor), *lines_of(LEARNED, good))
    gain = gain_of("as shipped over Traditional", (LEARNED, good), (TRADITIONAL, poor))
    found = {"top-1": [1, 1, 0, 1], "called a copy": [1, 0, 0, 1]}
    edits = tuple(by_edit([("band",), ("band",), (), ("band",)], np.array(["a", "b", "c", "a"]), found))
    sure = {"hard": Sureness(np.array([0.95, NEVER, 0.6]), ("a", "b", "c")), QUIET: Sureness(np.array([0.7]), ("d",))}
    thresholds = tuple(
        Threshold(at, at == 0.9, {name: one.called(at) for name, one in sure.items()}) for at in (0.5, 0.9)
    )
    verdicts = VerdictReport(
        (
            VerdictLine("false alarms", "≤ 0.01", bootstrap([0, 0, 1], ["a", "b", "c"])),
            VerdictLine("nothing", "–", NOTHING),
        ),
        (
            Calibration("hard", ALL, 4, reliability_of([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], ["a", "b", "b", "c"])),
            Calibration("hard", "dress", 2, reliability_of([0.1, 0.2], [0, 0], ["a", "b"])),
        ),
        {"hard": edits, "standard": ()},
        thresholds,
    )
    sets = tuple(SetReport(name, 3, 3, 3000, lines, (gain,), NETWORKS) for name in ("standard", "hard"))
    stores = (VerdictLine("stores: another colourway", "≥ 0.93", bootstrap([1, 1, 0], ["a", "b", "c"])),)
    plans = {plan.name: asdict(plan) for plan in (STANDARD, HARD)}
    return BenchmarkReport(size, plans, {"policy": "p-1"}, sets, verdicts, stores, missing)


def test_every_table_is_written() -> None:
    """Sets, gains, verdicts, calibration, kinds of edits, and the plots that were drawn."""
    text = report_of().markdown(["methods.png"])
    for words in ("## hard: 3 copies of 3 garments, gallery 3000", "as shipped over Traditional", "false alarms",
                  "Brier skill", "| band | 2 | 3 |",
                  "| 0.90 (shipped) | 0.333", "| 0.50 | 0.667", "| stores: another colourway | ≥ 0.93 | 0.667",
                  "![methods](methods.png)", "policy: p-1"):  # fmt: skip
        assert words in text, words


def test_every_network_is_named_with_its_recipe_seed_and_wall_time() -> None:
    """In one table, once each; what its manifest does not tell is a dash."""
    text = report_of().markdown()
    for words in (
        "| traditional | 0123456789ab | whole | no | 0.5 | 5 | 2030 | 24 | trunk of embedder.onnx |",
        "| shipped | ba9876543210 | – | – | – | – | 2036 | 28 | embedder.onnx of 741d |",
    ):
        assert text.count(words) == 1
    read = json.loads(report_of().as_json())
    assert [(one["name"], one["seed"], one["wall_time_s"]) for one in read["sets"][0]["networks"]] == [
        ("traditional", 2030, 1437.0),
        ("shipped", 2036, 1661.0),
    ]


def test_calibration_has_an_interval_over_its_garments() -> None:
    """Three garments of four pairs, in its table and where it is held to what is asked."""
    one = report_of().verdicts.calibrations[0].reliability
    text = report_of().markdown()
    assert f"| hard | all | 3 | 4 | {one.error} | {one.skill} |" in text
    assert f"| hard: calibration error (ECE) | ≤ 0.05 | {one.error} | 3 | no |" in text
    assert "nan" not in text


def test_a_row_tells_over_how_many_garments_it_is() -> None:
    """Differences and what must be reached too."""
    text = report_of().markdown()
    assert "| question | difference | n |" in text
    assert "| hard, gain over Traditional: recall@20 | ≥ 0.20 | 0.667 [0.000, 1.000] | 3 | yes |" in text


def test_what_was_not_measured_is_owned_up_to() -> None:
    """Missing networks, and a run too small to mean anything."""
    assert "pcb" in report_of().markdown()
    assert "A small run" in report_of().markdown()
    whole = report_of(Size(), ()).markdown()
    assert "Not measured here" not in whole
    assert "A small run" not in whole


@pytest.mark.parametrize(
    ("asked", "figure", "wanted"),
    [
        ("≥ 0.85", Figure(0.85, 0.8, 0.9, 9), "yes"),
        ("≥ 0.85", Figure(0.84, 0.8, 0.9, 9), "no"),
        ("≤ 0.01", Figure(0.01, 0, 0.02, 9), "yes"),
        ("≤ 0.01", Figure(0.02, 0, 0.04, 9), "no"),
        ("interval above 0", Figure(0.05, 0.01, 0.1, 9), "yes"),
        ("interval above 0", Figure(0.05, -0.01, 0.1, 9), "no"),
        ("–", Figure(0.5, 0.4, 0.6, 9), "–"),
        ("≥ 0.85", NOTHING, "–"),
        ("≥ 0.85", None, "–"),
    ],
)
def test_a_measure_is_held_to_what_is_asked(asked: str, figure: Figure | None, wanted: str) -> None:
    """A gain must be beyond its interval; what was not measured is not reached either."""
    assert reached(asked, figure) == wanted


def test_the_json_holds_all_and_no_number_that_is_none() -> None:
    """NaN is not JSON."""
    read = json.loads(report_of().as_json(), parse_constant=pytest.fail)
    assert read["verdicts"]["lines"][1]["figure"]["value"] is None
    assert read["sets"][1]["gains"][0]["figures"]["recall@20"]["value"] == pytest.approx(2 / 3)
