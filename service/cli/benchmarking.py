"""`selvedge benchmark`: how well copies are found and judged, printed and written as Markdown, JSON and PNG."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from models.benchmark.photos import Size
    from service.benchmark_report import BenchmarkReport
    from service.settings import Settings


def benchmark(
    data: Annotated[Path | None, typer.Option(help="The photos; default GARMENT_DATA, else ../shared/data.")] = None,
    ablations: Annotated[
        Path | None,
        typer.Option(help="A folder with traditional/, pcb/, plain/, full/ and full-SEED/, as trained by `ablation`."),
    ] = None,
    cache: Annotated[Path, typer.Option(help="Where photos looked at are kept, outside git.")] = Path("var/benchmark"),
    output: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("docs/benchmark"),
    originals: Annotated[int | None, typer.Option(help="Validation garments that are copied; 150 by default.")] = None,
    copies: Annotated[int | None, typer.Option(help="Copies of each, a set; 4 by default.")] = None,
    distractors: Annotated[int | None, typer.Option(help="Photos of strangers in the gallery; default all.")] = None,
    untouched: Annotated[
        int | None, typer.Option(help="Photos that nobody copied, checked for false alarms; default all.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="A small run, to see that all works.")] = False,
) -> None:
    """Measure the three benchmark sets on real photos: methods, gains, verdicts, kinds of edits.

    Every photo is looked at once and kept in the cache: stopped, a run goes on there, and another embedder costs its
    embedding time only.
    """
    from models.benchmark.photos import QUICK, Size
    from service.benchmark_plots import NO_PLOTS, draw_plots, plots_possible
    from service.settings import read_settings

    given = {"originals": originals, "copies": copies, "distractors": distractors, "untouched": untouched}
    size = replace(QUICK if quick else Size(), **{name: n for name, n in given.items() if n is not None})
    report = measure(read_settings(demo=False, log={"level": "WARNING"}), data, ablations, cache, size)
    output.mkdir(parents=True, exist_ok=True)
    plots = draw_plots(report, output) if plots_possible() else []
    text = report.markdown(plots)
    (output / "report.md").write_text(text)
    (output / "report.json").write_text(report.as_json())
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
    if not plots:
        Console(stderr=True).print(NO_PLOTS, style="yellow", markup=False, highlight=False)


def measure(settings: Settings, data: Path | None, ablations: Path | None, cache: Path, size: Size) -> BenchmarkReport:
    """The whole benchmark with the networks, weights and policy of `settings`."""
    from models.benchmark.methods import missing_rows, read_ablations
    from models.benchmark.photos import look_at_all
    from models.benchmark.run import Shelf, measure_sets, open_studio, shipped_network
    from models.benchmark.sets import NEGATIVE, PUBLISHED
    from models.benchmark.stores import ask_stores
    from models.training.data.readers import data_root, read_same_designs
    from service.benchmark_measures import lines_of_stores, measure_verdicts
    from service.benchmark_report import BenchmarkReport
    from service.bootstrap import load_describer, load_rules

    root, rules, describer = data_root(data), load_rules(settings), load_describer(settings)
    # Before anything that takes long: a wrong folder is told at once.
    networks = {} if ablations is None else read_ablations(ablations, settings.capacity.model_threads)
    shipped = shipped_network(describer, settings.weights_dir)
    networks[shipped.name] = shipped
    photos = look_at_all(open_studio(describer, settings.weights_dir, root, cache), size)
    shelf = Shelf(photos, networks, cache / "embedded")
    return BenchmarkReport(
        size=size,
        plans={plan.name: asdict(plan) for plan in (*PUBLISHED, NEGATIVE)},
        versions={
            "models": describer.models_version,
            "region weights": rules.weights.version,
            "policy": rules.policy.version,
        },
        sets=tuple(measure_sets(shelf, rules.weights, rules.policy.least_weight)),
        verdicts=measure_verdicts(shelf, rules, read_same_designs(root)),
        # A small run is for seeing that all works, and there are 334 of them.
        stores=lines_of_stores(ask_stores(describer.describe, root)) if size.whole else (),
        missing=tuple(missing_rows(networks)),
    )
