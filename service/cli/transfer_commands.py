"""`selvedge index export` and `import`: a catalogue as one file, through a service or on the data dir."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from index.types import DEFAULT_TENANT
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    import httpx


def _tenant_named(name: str | None) -> str | None:
    """As keys name tenants. Raises BadParameter."""
    from service.access.keys import OPERATOR, mint

    try:
        return None if name is None else mint("command-line", name, OPERATOR.scopes).key.tenant
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Url = Annotated[
    str | None,
    typer.Option(help="Talk to a running service there instead of opening the data dir; the tenant is the key's."),
]
DataDir = Annotated[Path | None, typer.Option(help="Where record and photos lie (SELVEDGE_DATA_DIR).")]
Tenant = Annotated[
    str | None,
    typer.Option(help="Whose catalogue, on a data dir: one tenant's alone (default: default).", callback=_tenant_named),
]


def add_transfer_commands(app: typer.Typer) -> None:
    """Put both among the commands of `selvedge index`."""
    example = "Example: [bold]selvedge index export monday.ndjson --url http://127.0.0.1:8000[/bold]"
    app.command(epilog=example)(export)
    app.command("import", epilog="Example: [bold]selvedge index import monday.ndjson --data-dir var-new[/bold]")(
        import_
    )


def export(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    url: Url = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
) -> None:
    """Write every item of one tenant with its metadata and photos, one add a line; any service takes it in.

    A record may hold more tenants: a warning names them, and each is exported to a file of its own.
    Weights and their history, decisions, API keys, kept checks and jobs are not exported.
    """
    from service.cli.adding import progress_bar
    from service.cli.connection import ask
    from service.cli.transfer import export_items

    settings = _settings(data_dir)

    async def work() -> None:
        async with _connected(url, settings, tenant) as client:
            total = (await ask(client, "GET", "/index/stats")).json()["photos"]
            with progress_bar() as progress:
                bar = progress.add_task("photos written", total=total)
                end = await export_items(client, file, lambda: progress.advance(bar))
        Console().print(f"{file}: {end.items} items, {end.photos} photos", markup=False, highlight=False)
        if url is None:
            _warn_of_others(settings, tenant or DEFAULT_TENANT)

    asyncio.run(work())


def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.", exists=True, dir_okay=False)],
    url: Url = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
) -> None:
    """Register what an export holds as one tenant's, then compare counts and photo hashes. Again, it changes nothing.

    Exit code 1 where a photo was refused or is missing.
    """
    from service.cli.adding import progress_bar
    from service.cli.transfer import import_items, missing_photos, read_end

    with Console(stderr=True).status("checking the file"):
        end, held = read_end(file)

    async def work() -> int:
        async with _connected(url, _settings(data_dir), tenant) as client:
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


def _settings(data_dir: Path | None) -> Settings:
    return read_settings(data_dir=data_dir, demo=False, log={"level": "WARNING"})


@asynccontextmanager
async def _connected(url: str | None, settings: Settings, tenant: str | None) -> AsyncIterator[httpx.AsyncClient]:
    """As `connect`, for a tenant. Raises BadParameter where the key says whose."""
    from service.access.gate import ON_BEHALF_OF
    from service.cli.connection import connect

    if url is not None and tenant is not None:
        raise typer.BadParameter("with --url the tenant is that of the key", param_hint="--tenant")
    async with connect(url, settings) as client:
        if tenant is not None:
            client.headers[ON_BEHALF_OF] = tenant
        yield client


def _warn_of_others(settings: Settings, tenant: str) -> None:
    from service.cli.transfer import items_by_tenant

    others = {name: items for name, items in items_by_tenant(settings).items() if name != tenant}
    if others:
        named = ", ".join(f"{name} ({items})" for name, items in others.items())
        warning = f"only items of tenant {tenant} were exported. The record also holds items of: {named}. "
        Console(stderr=True).print(
            warning + "Export each of these tenants to a file of its own: --tenant NAME",
            style="yellow", markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
