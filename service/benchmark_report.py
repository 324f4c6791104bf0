"""The benchmark as Markdown and JSON: what must be reached first, then every table; n is garments throughout."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from models.benchmark.metrics import Figure
from models.benchmark.photos import Size
from models.benchmark.ranking import METRICS
from models.benchmark.run import SetReport
from models.benchmark.sets import HARD, STANDARD
from models.benchmark.table import ALL, NetworkLine
from service.benchmark_measures import Bars, VerdictLine, VerdictReport

LEARNED = "shipped, learned weights"


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """All that was measured, and with what. `versions`: networks, weights and policy by name; `plans`: set → what its
    copies are like; `missing`: rows that could not be measured."""

    size: Size
    plans: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]
    sets: tuple[SetReport, ...]
    verdicts: VerdictReport
    stores: tuple[VerdictLine, ...]
    missing: tuple[str, ...]

    def as_json(self) -> str:
        """Numbers that could not be measured are null."""
        return json.dumps(_plain(self), indent=1, allow_nan=False) + "\n"

    def markdown(self, plots: Sequence[str] = ()) -> str:
        """`plots`: PNG files beside the report."""
        parts = ["# Benchmark", *_preface(self), *_reached(self)]
        for one in self.sets:
            parts += _set(one)
        parts += _verdicts(self.verdicts)
        for name, lines in self.verdicts.edits.items():
            parts += [f"## {name}: by kind of edit (shipped, learned weights)"]
            rows = [
                [line.edit, str(line.garments), str(line.copies), *map(str, line.figures.values())] for line in lines
            ]
            parts += [_table(["edit", "n", "copies", *(list(lines[0].figures) if lines else [])], rows)]
        parts += [f"![{name.removesuffix('.png')}]({name})" for name in plots]
        return "\n\n".join(parts) + "\n"


def _preface(report: BenchmarkReport) -> Iterator[str]:
    yield (
        "Made copies of validation garments, 95 % bootstrap intervals over garments, n garments a row: each is drawn "
        "with all of its copies. (Where nobody copied, n counts photos, prints on one blank, pairs of look-alikes by "
        "their first photo, products of stores.) `recall@20` and "
        "`mAP` as in the paper: the original asks, its copies and the distractors answer. `top-k`: the copy asks, "
        "everything registered answers; in the tables of methods in the order of S, else in the order of an answer "
        "(`service/judging.py`), as in service. Garments are drawn evenly from the four categories. No data set of "
        "real copies is public; the edits are ours (`models/benchmark/sets.py`)."
    )
    yield "\n".join(f"- {name}: {version}" for name, version in report.versions.items())
    yield from _networks(report)
    yield "\n".join(f"- {name}: {_told(plan)}" for name, plan in report.plans.items())
    if report.missing:
        yield f"**Not measured here** (no such network was given with `--ablations`): {', '.join(report.missing)}."
    if not report.size.whole:
        yield "**A small run: it shows that all works, its figures mean little.**"


def _networks(report: BenchmarkReport) -> Iterator[str]:
    """Every set was measured with the same networks."""
    heads = ["network", "digest", "regions", "attention", "share", "epochs", "seed", "minutes", "started from"]
    yield _table(heads, [_network(line) for one in report.sets[:1] for line in one.networks])
    yield (
        "Epochs, seed and minutes are those of a network's last run, as its manifest tells; what it started from was "
        "trained before. Share: of the training garments."
    )


def _network(line: NetworkLine) -> list[str]:
    attention = {None: "–", True: "yes", False: "no"}[line.attention]
    told = ["–" if value is None else str(value) for value in (line.pooling, line.share, line.epochs)]
    minutes = f"{line.wall_time_s / 60:.0f}"
    return [line.name, line.digest, told[0], attention, *told[1:], str(line.seed), minutes, line.started_from]


def _reached(report: BenchmarkReport) -> Iterator[str]:
    rows = []
    for words, asked, figure in _must_reach(report):
        told = ["–", "–"] if figure is None else [str(figure), str(figure.count)]
        rows.append([words, asked, *told, reached(asked, figure)])
    yield "## What must be reached"
    yield _table(["measure", "asked", "measured", "n", "reached"], rows)


def _must_reach(report: BenchmarkReport) -> Iterator[tuple[str, str, Figure | None]]:
    yield "hard, learned weights: recall@20", "≥ 0.85", _figure(report, HARD.name, "recall@20")
    yield "hard, learned weights: mAP", "≥ 0.50", _figure(report, HARD.name, "mAP")
    gain = "as shipped over Traditional"
    yield "hard, gain over Traditional: recall@20", "≥ 0.20", _gain(report, HARD.name, gain, "recall@20")
    yield "hard, gain over Traditional: mAP", "≥ 0.16", _gain(report, HARD.name, gain, "mAP")
    yield "standard, in the order of S alone: top-1", "–", _figure(report, STANDARD.name, "top-1")
    yield "standard, in the order of S alone: top-20", "–", _figure(report, STANDARD.name, "top-20")
    for question in ("attention, learned weights", "learned weights, as shipped"):
        for name in (STANDARD.name, HARD.name):
            for metric in ("recall@20", "mAP"):
                figure = _gain(report, name, question, metric)
                yield f"{name}, gain of {question}: {metric}", "interval above 0", figure
    for line in (*report.verdicts.lines, *report.stores):
        yield line.measure, line.asked, line.figure
    for one in (part for part in report.verdicts.calibrations if part.group == ALL):
        bars = Bars.of(one.name)
        yield f"{one.name}: calibration error (ECE)", bars.error, one.reliability.error
        yield f"{one.name}: Brier skill", bars.skill, one.reliability.skill


def _figure(report: BenchmarkReport, name: str, metric: str) -> Figure | None:
    lines = [line for one in report.sets if one.name == name for line in one.lines]
    return next((line.figures[metric] for line in lines if line.method == LEARNED and line.group == ALL), None)


def _gain(report: BenchmarkReport, name: str, question: str, metric: str) -> Figure | None:
    gains = [gain for one in report.sets if one.name == name for gain in one.gains]
    return next((gain.figures[metric] for gain in gains if gain.question == question), None)


def reached(asked: str, figure: Figure | None) -> str:
    """Whether a figure is what is asked: yes, no, or – where nothing is asked or measured."""
    if figure is None or not figure.count or asked == "–":
        return "–"
    if asked == "interval above 0":
        return "yes" if figure.low > 0 else "no"
    sign, bound = asked.split()
    return "yes" if (figure.value >= float(bound) if sign == "≥" else figure.value <= float(bound)) else "no"


def _set(one: SetReport) -> Iterator[str]:
    yield f"## {one.name}: {one.copies} copies of {one.originals} garments, gallery {one.gallery}"
    rows = [
        [line.method, line.group, str(line.figures["top-1"].count), *(str(line.figures[name]) for name in METRICS)]
        for line in one.lines
    ]
    yield _table(["method", "group", "n", *METRICS], rows)
    if one.gains:
        yield f"### {one.name}: what one gains on the other, garment by garment, the four categories together"
        gained = [
            [
                gain.question,
                f"{gain.method} − {gain.other}",
                str(gain.figures["top-1"].count),
                *(str(gain.figures[name]) for name in METRICS),
            ]
            for gain in one.gains
        ]
        yield _table(["question", "difference", "n", *METRICS], gained)


def _verdicts(verdicts: VerdictReport) -> Iterator[str]:
    yield "## Verdicts, with the shipped embedder and policy"
    rows = [[line.measure, line.asked, str(line.figure), str(line.figure.count)] for line in verdicts.lines]
    yield _table(["measure", "asked", "measured", "n"], rows)
    yield "### Calibration: best hit a photo, copies and photos that nobody copied 1:1, ten equal-mass bins"
    rows = [
        [one.name, one.group, str(one.reliability.error.count), str(one.pairs), str(part.error), str(part.skill)]
        for one in verdicts.calibrations
        for part in [one.reliability]
    ]
    yield _table(["set", "group", "n", "pairs", "ECE", "Brier skill"], rows)
    yield "Draws of garments are put into bins anew and repeat pairs, so that the interval of ECE lies rather high."
    yield from _thresholds(verdicts)


def _thresholds(verdicts: VerdictReport) -> Iterator[str]:
    """Called a copy: of copies their original, of the rest anything."""
    if not verdicts.thresholds:
        return
    names = list(verdicts.thresholds[0].figures)
    yield "### What another threshold would do: share called a copy where a copy must be so probable"
    rows = [
        [f"{one.probability:.2f}" + (" (shipped)" if one.shipped else ""), *(str(one.figures[name]) for name in names)]
        for one in verdicts.thresholds
    ]
    yield _table(["probability", *names], rows)
    yield (
        "Of the sets their copies, by their original: more is better. Of photos that nobody copied, and of prints on "
        "one blank, by anything: less is better. The shipped threshold was chosen on calibration contributors, not "
        "here."
    )


def _told(plan: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in plan.items() if name != "name")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
