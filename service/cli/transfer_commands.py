"""`selvedge index export` and `import`: a catalogue as one file, through a service or on the data dir."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service.settings import read_settings

Url = Annotated[str | None, typer.Option(help="Talk to a running service there instead of opening the data dir.")]


DataDir = Annotated[Path | None, typer.Option(help="Where record and photos lie (SELVEDGE_DATA_DIR).")]


def add_transfer_commands(app: typer.Typer) -> None:
    """Put both among the commands of `selvedge index`."""
    example = "Example: [bold]selvedge index export monday.ndjson --url http://127.0.0.1:8000[/bold]"
    app.command(epilog=example)(export)
    app.command("import", epilog="Example: [bold]selvedge index import monday.ndjson --data-dir var-new[/bold]")(
        import_
    )


def export(
    file: Annotated[Path, typer.Argument(help="Where to write it.")], url: Url = None, data_dir: DataDir = None
) -> None:
    """Write every item with its metadata and photos, one add a line; any service takes it in."""
    from service.cli.adding import progress_bar
    from service.cli.connection import ask, connect
    from service.cli.transfer import export_items

    async def work() -> None:
        async with connect(url, read_settings(data_dir=data_dir, demo=False, log={"level": "WARNING"})) as client:
            total = (await ask(client, "GET", "/index/stats")).json()["photos"]
            with progress_bar() as progress:
                bar = progress.add_task("photos written", total=total)
                end = await export_items(client, file, lambda: progress.advance(bar))
        Console().print(f"{file}: {end.items} items, {end.photos} photos", markup=False, highlight=False)

    asyncio.run(work())


def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.", exists=True, dir_okay=False)],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Register what an export holds, then compare counts and photo hashes. Again, it changes nothing.

    Exit code 1 where a photo was refused or is missing.
    """
    from service.cli.adding import progress_bar
    from service.cli.connection import connect
    from service.cli.transfer import import_items, missing_photos, read_end

    with Console(stderr=True).status("checking the file"):
        end, held = read_end(file)

    async def work() -> int:
        async with connect(url, read_settings(data_dir=data_dir, demo=False, log={"level": "WARNING"})) as client:
            with progress_bar() as progress:
                report = await import_items(client, file, end, progress)
                bar = progress.add_task("items compared", total=None)
                missing = await missing_photos(client, held, lambda: progress.advance(bar))
        report.show()
        for item_id, sha256 in missing:
            Console(stderr=True).print(f"{item_id}: photo {sha256} is missing", style="red", markup=False)
        found = f"{end.photos - len(missing)} of {end.photos} photos of {end.items} items are there"
        Console().print(found, highlight=False)
        return 1 if missing or report.failed else 0

    raise typer.Exit(asyncio.run(work()))
