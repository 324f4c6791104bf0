"""Pictures of the report, where matplotlib is there; without it the report is written all the same."""

import sys
from pathlib import Path

import cv2
import pytest

from service.benchmark_plots import draw_plots, plots_possible
from tests.service.test_benchmark_report import report_of


def test_every_plot_is_a_picture_of_its_own(tmp_path: Path) -> None:
    """Methods, categories, reliability, kinds of edits."""
    pytest.importorskip("matplotlib")
    drawn = draw_plots(report_of(), tmp_path)
    assert drawn == ["methods.png", "categories.png", "reliability.png", "thresholds.png", "edits.png"]
    for name in drawn:
        read = cv2.imread(str(tmp_path / name))
        assert read is not None and read.std() > 5


def test_without_matplotlib_there_are_no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no dependency of serving, so the command only says so."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not plots_possible()
