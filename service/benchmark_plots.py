"""The benchmark's pictures, where matplotlib is installed: it is no dependency of serving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.benchmark.metrics import Figure
from models.benchmark.run import SetReport
from models.benchmark.sets import PUBLISHED
from models.benchmark.table import ALL
from service.benchmark_report import LEARNED, BenchmarkReport
from service.benchmark_thresholds import QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 110
NO_PLOTS = "matplotlib is not installed: no plots (pip install matplotlib, or the requirements of dev or training)"


def plots_possible() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def draw_plots(report: BenchmarkReport, folder: Path) -> list[str]:
    """Write the PNG files into `folder`; their names. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    drawn = [_draw_methods(report, folder), _draw_groups(report, folder)]
    if report.verdicts.calibrations:
        drawn.append(_draw_reliability(report, folder))
    if report.verdicts.thresholds:
        drawn.append(_draw_thresholds(report, folder))
    if any(report.verdicts.edits.values()):
        drawn.append(_draw_edits(report, folder))
    return drawn


def _draw_methods(report: BenchmarkReport, folder: Path) -> str:
    """Recall@20 and mAP of every method, every published set."""
    import matplotlib.pyplot as plt

    sets = _main_sets(report)
    count = max(len([line for line in one.lines if line.group == ALL]) for one in sets)
    figure, grid = plt.subplots(
        1, len(sets), figsize=(6.5 * len(sets), max(4.0, 1.6 + 0.5 * count)), layout="constrained"
    )
    for axes, one in zip(np.atleast_1d(grid), sets, strict=True):
        lines = [line for line in one.lines if line.group == ALL]
        _bars(axes, [line.method for line in lines], {m: [x.figures[m] for x in lines] for m in ("recall@20", "mAP")})
        axes.set_title(f"{one.name}: {one.copies} copies of {one.originals} garments, gallery {one.gallery}", size=10)
    return _save(figure, folder / "methods.png")


def _draw_groups(report: BenchmarkReport, folder: Path) -> str:
    """The shipped embedder with learned weights on each category, every published set."""
    import matplotlib.pyplot as plt

    sets = _main_sets(report)
    figure, grid = plt.subplots(1, len(sets), figsize=(6.5 * len(sets), 4), layout="constrained")
    for axes, one in zip(np.atleast_1d(grid), sets, strict=True):
        lines = [line for line in one.lines if line.method == LEARNED]
        names = [f"{line.group} (n = {line.figures['top-1'].count})" for line in lines]
        _bars(axes, names, {m: [x.figures[m] for x in lines] for m in ("recall@20", "mAP", "top-1")})
        axes.set_title(f"{one.name}: {LEARNED}", size=10)
    return _save(figure, folder / "categories.png")


def _draw_reliability(report: BenchmarkReport, folder: Path) -> str:
    import matplotlib.pyplot as plt

    parts = report.verdicts.calibrations
    names, groups = list(dict.fromkeys(one.name for one in parts)), list(dict.fromkeys(one.group for one in parts))
    shape = len(names), len(groups)
    figure, grid = plt.subplots(*shape, figsize=(3.4 * shape[1], 3.6 * shape[0]), layout="constrained", squeeze=False)
    for axes in grid.ravel():
        axes.set_visible(False)
    for one in parts:
        axes = grid[names.index(one.name), groups.index(one.group)]
        axes.set_visible(True)
        bins = one.reliability.bins
        axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
        axes.plot([b.stated for b in bins], [b.happened for b in bins], "o-")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="stated probability", ylabel="share that were copies")
        axes.set_title(
            f"{one.name}, {one.group}: {one.pairs} pairs\nECE {one.reliability.error}\nskill {one.reliability.skill}",
            size=8,
        )
        axes.set_aspect("equal")
        axes.grid(alpha=0.3)
    return _save(figure, folder / "reliability.png")


def _draw_edits(report: BenchmarkReport, folder: Path) -> str:
    import matplotlib.pyplot as plt

    parts = {name: lines for name, lines in report.verdicts.edits.items() if lines}
    count = max(map(len, parts.values()))
    figure, grid = plt.subplots(
        1, len(parts), figsize=(6.5 * len(parts), max(4.0, 1.6 + 0.5 * count)), layout="constrained"
    )
    for axes, (name, lines) in zip(np.atleast_1d(grid), parts.items(), strict=True):
        names = [f"{line.edit} ({line.garments}, {line.copies})" for line in lines]
        _bars(axes, names, {m: [x.figures[m] for x in lines] for m in ("top-1", "called a copy")})
        axes.set_title(f"{name}: by kind of edit (garments, copies), {LEARNED}", size=10)
    return _save(figure, folder / "edits.png")


def _draw_thresholds(report: BenchmarkReport, folder: Path) -> str:
    """Copies found against photos accused, a point a threshold, the shipped ones ringed."""
    import matplotlib.pyplot as plt

    points = report.verdicts.thresholds
    accused = [one.figures[QUIET].value for one in points]
    figure, axes = plt.subplots(figsize=(6.5, 4.4), layout="constrained")
    for name in (plan.name for plan in PUBLISHED if plan.name in points[0].figures):
        found = [one.figures[name].value for one in points]
        (line,) = axes.plot(accused, found, "o-", label=name, markersize=4)
        ringed = [(a, f) for a, f, one in zip(accused, found, points, strict=True) if one.shipped]
        axes.plot(*zip(*ringed, strict=True), "o", markersize=11, fillstyle="none", color=line.get_color())
    for at, one in zip(accused, points, strict=True):
        axes.annotate(f"{one.probability:.2f}", (at, 1.02), size=7, rotation=90, ha="center", va="bottom")
    axes.set(xlabel="photos that nobody copied, called a copy", ylabel="copies called a copy", ylim=(0, 1.14))
    axes.set_title("what another threshold would do (the shipped one ringed)", size=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return _save(figure, folder / "thresholds.png")


def _main_sets(report: BenchmarkReport) -> list[SetReport]:
    return [one for one in report.sets if one.name in {plan.name for plan in PUBLISHED}]


def _bars(axes: Axes, names: Sequence[str], series: dict[str, list[Figure]]) -> None:
    """Lying bars, the first name on top, with their intervals."""
    places = np.arange(len(names), dtype=np.float64)
    height = 0.8 / len(series)
    for number, (label, figures) in enumerate(series.items()):
        values = np.array([one.value for one in figures])
        low = np.clip(values - [one.low for one in figures], 0, None)
        high = np.clip([one.high for one in figures] - values, 0, None)
        at = places + (number - (len(series) - 1) / 2) * height
        axes.barh(at, values, height, xerr=[low, high], label=label, error_kw={"linewidth": 1, "alpha": 0.7})
        for value, place in zip(values, at, strict=True):
            # At the foot of the bar: at its end the text would lie on the interval.
            axes.text(0.008, place, f"{value:.2f}", va="center", size=7, color="white" if value > 0.09 else "black")
    axes.set_yticks(places, names, size=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=len(series), frameon=False)


def _save(figure: object, path: Path) -> str:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure as Picture

    assert isinstance(figure, Picture)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)
    return path.name
