"""The commands of `selvedge`; each has an example in its help."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from index.errors import CatalogueError
from models.errors import ModelsError
from service.cli.benchmarking import benchmark
from service.cli.index_commands import index_app
from service.cli.keys import app as keys_app
from service.cli.set_options import SetOptions, nested_options
from service.cli.transfer_commands import add_transfer_commands
from service.cli.weights import app as weights_app
from service.cli.working import work
from service.errors import ServiceError
from service.settings import Settings, read_settings, settings_table

app = typer.Typer(
    name="selvedge",
    help="Tells whether a garment photo copies a registered design, and which parts were altered.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
)
add_transfer_commands(index_app)
app.command(epilog="Example: [bold]selvedge benchmark --ablations var/training/ablations[/bold]")(benchmark)
app.command(epilog="Example: [bold]selvedge work --port 8001[/bold]")(work)
for _name, _part in (("index", index_app), ("keys", keys_app), ("weights", weights_app)):
    app.add_typer(_part, name=_name)
DataDir = Annotated[Path | None, typer.Option(help="Where record and photos lie (SELVEDGE_DATA_DIR).")]
Url = Annotated[str | None, typer.Option(help="Talk to a running service there instead of opening the data dir.")]


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours become one line and exit code 2 instead of a traceback."""
    try:
        app(arguments)
    except (ServiceError, ModelsError, CatalogueError, OSError) as error:
        Console(stderr=True).print(f"selvedge: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(2) from error


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(f"selvedge {importlib.metadata.version('selvedge')}")
        raise typer.Exit


@app.callback()
def selvedge(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Give `--help` after a command for its options and an example."""


@app.command(epilog="Example: [bold]selvedge serve --port 8080 --set images.max_bytes=5000000[/bold]")
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    ops_port: Annotated[int | None, typer.Option(help="Port for metrics and administration alone.")] = None,
    data_dir: DataDir = None,
    database_url: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the record.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis URL, or `off`.")] = None,
    demo: Annotated[bool | None, typer.Option(help="Load the demo catalogue when the index is empty.")] = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Where the networks lie.")] = None,
    policy_file: Annotated[Path | None, typer.Option(help="Thresholds of the verdicts.")] = None,
    more: SetOptions = None,
) -> None:
    """Serve the REST interface and the page. Options win over SELVEDGE_ variables; see `selvedge settings`."""
    from service.cli.serving import serve_forever

    serve_forever(
        read_settings(
            host=host,
            port=port,
            ops_port=ops_port,
            data_dir=data_dir,
            database_url=database_url,
            redis_url=redis_url,
            demo=demo,
            weights_dir=weights_dir,
            policy_file=policy_file,
            **nested_options(more),
        )
    )


@app.command(epilog="Example: [bold]selvedge add catalogue/ --seller-id s1[/bold]")
def add(
    path: Annotated[Path, typer.Argument(help="A photo, a folder of photos, a CSV with a column `file`, or a ZIP.")],
    item_id: Annotated[str | None, typer.Option(help="Item id of a single photo (default: its file name).")] = None,
    seller_id: Annotated[str | None, typer.Option(help="Who sells it.")] = None,
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    category: Annotated[str | None, typer.Option(help="What it is, whatever the detector says.")] = None,
    published_at: Annotated[str | None, typer.Option(help="When it was published: 2026-01-02T00:00:00Z.")] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Register photos under their file names, or as a CSV says; stopped, it goes on. Exit code 1 if any was refused."""
    from service.cli.adding import add_path, progress_bar
    from service.cli.connection import connect
    from service.cli.uploads import photos_at

    photos_at(path, item_id)  # what cannot be added is told before anything is loaded
    given = {"seller_id": seller_id, "title": title, "category": category, "published_at": published_at}
    details = {name: value for name, value in given.items() if value is not None}

    async def work() -> int:
        async with connect(url, _quiet_settings(data_dir)) as client:
            with progress_bar() as progress:
                report = await add_path(client, path, item_id, details, progress)
        report.show()
        return 1 if report.failed else 0

    raise typer.Exit(asyncio.run(work()))


@app.command(epilog="Example: [bold]selvedge check suspect.jpg --url http://127.0.0.1:8000[/bold]")
def check(
    photo: Annotated[Path, typer.Argument(help="The photo to check.", exists=True, dir_okay=False)],
    overlay: Annotated[
        Path | None, typer.Option(help="Where to save the overlay (default: PHOTO.overlay.png).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else.")] = False,
    top_k: Annotated[int, typer.Option(help="How many matches a garment.")] = 5,
    weights: Annotated[str | None, typer.Option(help="Region weights: '{\"collar\": 0.5}'.")] = None,
    category: Annotated[str | None, typer.Option(help="What the garment is, whatever the detector says.")] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Check a photo: prints a table of matches and regions, saves boxes, landmarks and regions as a PNG."""
    from service.cli.checking import check_photo, describe_answer, save_overlay
    from service.cli.connection import connect

    fields = (
        {"top_k": str(top_k)} | ({"weights": weights} if weights else {}) | ({"category": category} if category else {})
    )

    async def work() -> dict[str, Any]:
        async with connect(url, _quiet_settings(data_dir)) as client:
            return await check_photo(client, photo, fields)

    answer = asyncio.run(work())
    saved = overlay or photo.with_name(photo.name + ".overlay.png")
    drawn = (overlay is not None or not as_json) and save_overlay(answer, saved)
    if as_json:
        typer.echo(json.dumps({name: value for name, value in answer.items() if name != "overlay"}, indent=1))
        return
    console = Console()
    for part in describe_answer(answer):
        console.print(part)
    if drawn:
        console.print(f"overlay: {saved}", markup=False, highlight=False)


@app.command(epilog="Example: [bold]selvedge doctor --port 8080[/bold]")
def doctor(
    port: Annotated[int | None, typer.Option(help="Port that the service is to have.")] = None,
    data_dir: DataDir = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis URL, or `off`.")] = None,
) -> None:
    """Look at everything a start needs. Exit code 1 where something would stop it."""
    from service.cli.doctor import State, examine

    styles = {State.OK: "green", State.WARNING: "yellow", State.FAILURE: "red"}
    table = _table("", "looked at", "found", "what to do")
    failed = False
    with Console(stderr=True).status("looking"):
        for finding in examine(read_settings(port=port, data_dir=data_dir, redis_url=redis_url)):
            failed = failed or finding.state is State.FAILURE
            cells = (finding.state.value, finding.name, finding.found, finding.advice)
            table.add_row(*map(escape, cells), style=styles[finding.state])
    Console().print(table)
    raise typer.Exit(1 if failed else 0)


@app.command(epilog="Example: [bold]selvedge demo demo-photos/[/bold]")
def demo(folder: Annotated[Path, typer.Argument(help="Where to write the photos.")]) -> None:
    """Draw the demo: catalogue photos into FOLDER/catalogue, photos to check into FOLDER/to-check."""
    from rich.progress import track

    from service.demo.catalogue import demo_catalogue, demo_copies
    from service.demo.wardrobe import WARDROBE

    shelves = folder / "catalogue", folder / "to-check"
    for shelf in shelves:
        shelf.mkdir(parents=True, exist_ok=True)
    for item in track(demo_catalogue(), "drawing the catalogue", total=len(WARDROBE), transient=True):
        (shelves[0] / f"{item.item_id}.jpg").write_bytes(item.jpeg)
    for copy in track(demo_copies(), "drawing the copies", transient=True):
        (shelves[1] / f"{copy.name}.jpg").write_bytes(copy.render().jpeg())
    Console().print(f"next: selvedge add {shelves[0]} and selvedge check {shelves[1]}/partial-copy.jpg", markup=False)


@app.command(epilog="Example: [bold]selvedge calibrate var/training/evidence.npz --version fitted-2[/bold]")
def calibrate(
    evidence: Annotated[Path, typer.Argument(help="Judged comparisons, as `models.training evidence` writes them.")],
    version: Annotated[str, typer.Option(help="Name of the new policy; answers carry it.")],
    output: Annotated[Path | None, typer.Option(help="Where to write it (default: the policy file in use).")] = None,
) -> None:
    """Fit the thresholds of verdicts on judged comparisons, and write the policy with its report."""
    from models.evidence import load_evidence
    from models.manifest import file_sha256
    from models.weighting import read_weight_table
    from service.calibration import fit_policy
    from service.policy import CohortFile, read_policy

    settings = _quiet_settings(None)
    cohort_file = settings.weights_dir / "cohort.npy"
    cohort = CohortFile(file=cohort_file.name, sha256=file_sha256(cohort_file)) if cohort_file.exists() else None
    weights = read_weight_table(settings.weights_dir / "region_weights.json")
    start = read_policy(settings.policy_file)
    with Console(stderr=True).status("fitting"):
        policy = fit_policy(load_evidence(evidence), weights, start, version, cohort)
    (output or settings.policy_file).write_text(policy.model_dump_json(indent=1) + "\n")
    Console().print(policy.report, markup=False, highlight=False)


@app.command(epilog="Example: [bold]selvedge settings[/bold]")
def settings() -> None:
    """List every setting: variable, default and what it does."""
    table = _table("variable", "default", "what it does")
    for row in settings_table():
        table.add_row(*map(escape, row))
    Console().print(table)


def _table(*headings: str) -> Table:
    """A table that breaks long words rather than cutting them off."""
    return Table(*(Column(heading, overflow="fold") for heading in headings), box=None, pad_edge=False)


def _quiet_settings(data_dir: Path | None) -> Settings:
    """Settings of a command that opens the data dir itself: no demo, and only warnings in the log."""
    return read_settings(data_dir=data_dir, demo=False, log={"level": "WARNING"})
