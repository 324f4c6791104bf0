"""`selvedge benchmark`: how well copies are found, printed and written as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from models.benchmark.run import SetReport


def benchmark(
    data: Annotated[Path | None, typer.Option(help="The photos; default GARMENT_DATA, else ../shared/data.")] = None,
    cache: Annotated[Path, typer.Option(help="Where embeddings are kept, outside git.")] = Path("var/benchmark"),
    output: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("docs/benchmark"),
    originals: Annotated[int, typer.Option(help="Validation garments that are copied.")] = 150,
    copies: Annotated[int, typer.Option(help="Copies of each, a set.")] = 4,
    distractors: Annotated[int | None, typer.Option(help="Strangers in the gallery; all by default.")] = None,
) -> None:
    """Measure both benchmark sets on real photos; the first run embeds them, a second takes seconds."""
    from models.benchmark.run import Size, run_benchmark
    from models.training.data.readers import data_root
    from models.weighting import read_weight_table
    from service.bootstrap import load_describer
    from service.settings import read_settings

    settings = read_settings(demo=False, log={"level": "WARNING"})
    learned = read_weight_table(settings.weights_dir / "region_weights.json")
    size = Size(originals, copies, distractors)
    reports = run_benchmark(load_describer(settings), data_root(data), cache, learned, size)
    text = markdown(reports)
    output.mkdir(parents=True, exist_ok=True)
    (output / "report.md").write_text(text)
    (output / "report.json").write_text(json.dumps([asdict(report) for report in reports], indent=1) + "\n")
    Console().print(text, markup=False, highlight=False)


def markdown(reports: Sequence[SetReport]) -> str:
    """Tables with 95 % intervals over garments; n is how many garments."""
    parts = ["# Benchmark\n"]
    for report in reports:
        names = list(report.lines[0].figures)
        parts.append(
            f"## {report.name}: {report.copies} copies of {report.originals} garments, gallery {report.gallery}\n"
        )
        parts.append("| method | group | n | " + " | ".join(names) + " |\n|" + "---|" * (3 + len(names)))
        for line in report.lines:
            count = line.figures[names[-1]].count
            figures = " | ".join(str(line.figures[name]) for name in names)
            parts.append(f"| {line.method} | {line.group} | {count} | {figures} |")
        parts.append("")
    parts.append("Missing: trained Traditional, PCB, plain and full networks, and the ensemble.\n")
    return "\n".join(parts)
