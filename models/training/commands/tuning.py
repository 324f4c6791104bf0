"""How hard the benchmark's hard set must be, and what would move its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.training.commands.options import WEIGHTS, WORK, Data, Weights, Work
from models.training.data.readers import data_root


def hardness(
    traditional: Annotated[
        Path, typer.Option(help="The trained Traditional ablation: a folder with embedder.onnx and embedder.json.")
    ] = WORK / "ablations" / "traditional",
    value: Annotated[
        list[float] | None, typer.Option(help="A hardness to try; may be given again. 1.2, 1.6 and 2.0 by default.")
    ] = None,
    garments: Annotated[int, typer.Option(help="Training garments that are copied.")] = 60,
    copies: Annotated[int, typer.Option(help="Copies of each.")] = 4,
    distractors: Annotated[int, typer.Option(help="Photos of training contributors in the way.")] = 1000,
    weights: Weights = WEIGHTS,
    cache: Annotated[Path, typer.Option(help="What the benchmark keeps, used and added to.")] = Path("var/benchmark"),
    work: Work = WORK,
    data: Data = None,
) -> None:
    """How hard the hard set must be for the Traditional method to score as in the paper; on training contributors.

    What was looked at is kept, so that a further value costs only its own copies. Write the nearest into
    `models/benchmark/sets.py` once, and leave it there.

    Example: python -m models.training hardness --traditional var/training/ablations/traditional --value 1.4 --value 1.8
    """
    from models.benchmark.methods import read_network
    from models.benchmark.run import open_studio
    from models.runtime.shipped import open_describer
    from models.training.hardness import DEFAULT_VALUES, Tuning, as_table, measure_hardness

    studio = open_studio(open_describer(weights), weights, data_root(data), cache)
    tuning = Tuning(tuple(value or DEFAULT_VALUES), garments, copies, distractors)
    network = read_network(traditional)
    typer.echo(as_table(measure_hardness(studio, network, work / "complete.jsonl", cache / "embedded", tuning)))


def curves(
    points: Annotated[Path, typer.Argument(help="A folder with what `ablation full` wrote, an option changed each.")],
    base: Annotated[Path, typer.Option(help="The same with no option changed: a folder with embedder.json.")] = (
        WORK / "ablations" / "full"
    ),
    out: Annotated[Path | None, typer.Option(help="Draw them here too: docs/images/curves.png.")] = None,
) -> None:
    """Print what data, time and capacity bring, from the manifests of ablations.

    Example: python -m models.training curves var/training/points --out docs/images/curves.png
    """
    from models.manifest import read_manifest
    from models.training.curves import draw, learnt_of, markdown, read_points

    whole, read = learnt_of(read_manifest(base / "embedder.json")), read_points(points)
    typer.echo(markdown(whole, read))
    if out is not None:
        draw(whole, read, out)
