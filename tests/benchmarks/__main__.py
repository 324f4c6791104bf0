"""`python -m tests.benchmarks`: measures what the README promises and prints its tables.

Quality is measured on the validation split and the gold landmarks of `../shared/data`; without the photos it says so.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from models.runtime.describe import PhotoDescriber
from models.training.data.complete_labels import complete_labels
from models.training.data.readers import Fold, data_root
from service.bootstrap import load_describer, load_rules
from service.bootstrap_index import open_registry
from service.settings import read_settings
from tests.benchmarks import copies_quality, detector_quality, image_copies, landmark_quality, speed, stores_quality
from tests.benchmarks.tables import Report

PARTS = ("detector", "landmarks", "stores", "copies", "image-copies", "speed")


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Which of {', '.join(PARTS)}; all by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="The photos; default GARMENT_DATA, else ../shared/data.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Landmarks as `complete_labels` writes them; else made.")] = None,
    fold: Annotated[Fold, typer.Option(help="Of the image copies.")] = Fold.VALIDATION,
    most: Annotated[int, typer.Option(help="Originals that image copies are made of.")] = 200,
    output: Annotated[Path | None, typer.Option(help="Write the tables as Markdown here too.")] = None,
) -> None:
    """Measure quality and speed on real photos.

    Example: python -m tests.benchmarks detector copies --output var/benchmark.md
    """
    root = data_root(data)
    if not (root / "garments").is_dir():
        typer.echo(f"No photos at {root}: nothing can be measured here.")
        raise typer.Exit(1)
    wanted = parts or list(PARTS)
    asked = _Asked(root, labels, fold, most)
    reports = [_measure(part, asked) for part in PARTS if part in wanted]
    for report in reports:
        report.print()
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("# Benchmark\n\n" + "\n".join(report.markdown() for report in reports))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What to measure on."""

    root: Path
    labels: Path | None
    fold: Fold
    most: int


def _measure(part: str, asked: _Asked) -> Report:
    describer, root = load_describer(read_settings()), asked.root
    if part == "detector":
        return detector_quality.measure(describer.detector, root)
    if part == "landmarks":
        return landmark_quality.measure(describer.detector, describer.landmarker, root)
    if part == "stores":
        return stores_quality.measure(describer.describe, root)
    if part == "speed":
        return speed.measure(describer, root)
    return _copies(describer, part, asked)


def _copies(describer: PhotoDescriber, part: str, asked: _Asked) -> Report:
    root = asked.root
    with tempfile.TemporaryDirectory() as folder:
        labels = asked.labels or Path(folder) / "complete.jsonl"
        if asked.labels is None:
            complete_labels(describer.landmarker, root, None, labels)
        settings = read_settings(data_dir=Path(folder), redis_url="off")
        registry = open_registry(settings, describer.models_version)
        registry.start()
        rules = load_rules(settings)
        if part == "copies":
            report = copies_quality.measure(copies_quality.Line(describer, rules, registry), root, labels)
        else:
            report = image_copies.measure(describer, rules, registry, root, labels, asked.fold, asked.most)
        registry.close()
    return report


if __name__ == "__main__":
    typer.run(main)
