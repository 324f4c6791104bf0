"""Rows of measured figures, printed as they come and kept as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure beside the bar it is held to; `count` is how many things it was measured on."""

    measure: str
    bar: str
    measured: str
    count: int


@dataclass(slots=True)
class Report:
    """What a benchmark found: a title, its rows, and notes that belong under the table."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, measure: str, bar: str, measured: str, count: int) -> None:
        self.rows.append(Row(measure, bar, measured, count))

    def print(self) -> None:
        table = Table("measure", "bar", "measured", "n", title=self.title)
        for row in self.rows:
            table.add_row(row.measure, row.bar, row.measured, str(row.count))
        console = Console()
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}")

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", "| measure | bar | measured | n |", "|---|---|---|---|"]
        lines += [f"| {row.measure} | {row.bar} | {row.measured} | {row.count} |" for row in self.rows]
        lines += ["", *[f"- {note}" for note in self.notes], ""]
        return "\n".join(lines)


def share(hits: npt.ArrayLike) -> str:
    """A share with its 95 % bootstrap interval: `0.91 (0.88–0.94)`."""
    values = np.asarray(hits, dtype=np.float64)
    if not len(values):
        return "–"
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f}–{high:.3f})"


def milliseconds(seconds: npt.ArrayLike) -> str:
    """Median and 95th percentile: `121 ms (p95 180)`, `0.42 ms (p95 1.2)`."""
    median, late = np.quantile(1000 * np.asarray(seconds, dtype=np.float64), (0.5, 0.95))
    return f"{_rounded(median)} ms (p95 {_rounded(late)})"


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
