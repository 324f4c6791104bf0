"""What the commands on the index open: settings, the record, the index over it, and bars and tables to show it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from index.catalogue import Catalogue
    from index.live import LiveIndex
    from index.shards import Shards

DataDir = Annotated[Path | None, typer.Option(help="Where record, photos and snapshots lie (SELVEDGE_DATA_DIR).")]
DatabaseUrl = Annotated[str | None, typer.Option(help="SQLAlchemy URL of the record (SELVEDGE_DATABASE_URL).")]


@contextmanager
def opened_record(settings: Settings) -> Iterator[Catalogue]:
    from index.catalogue import Catalogue
    from service.bootstrap_jobs import database_url

    catalogue = Catalogue(database_url(settings))
    try:
        yield catalogue
    finally:
        catalogue.close()


@contextmanager
def loaded_index(settings: Settings) -> Iterator[tuple[Catalogue, LiveIndex, Shards]]:
    """The record and the index over it, as a service would start."""
    import os

    from index.live import LiveIndex
    from index.shards import Shards
    from index.snapshot import Snapshots

    shards = Shards(os.cpu_count() or 1)
    try:
        with opened_record(settings) as catalogue:
            snapshots = Snapshots(settings.data_dir.resolve() / "snapshots")
            live = LiveIndex(catalogue, shards, installed_models(settings), snapshots)
            with Console(stderr=True).status("loading the index"):
                live.load()
                live.check_snapshot()
                live.catch_up()
            yield catalogue, live, shards
    finally:
        shards.close()


def installed_models(settings: Settings) -> str:
    """Of the networks that would serve, without loading them."""
    from models.manifest import read_manifest
    from models.runtime.describe import models_version
    from models.runtime.shipped import MODEL_NAMES

    return models_version([read_manifest(settings.weights_dir / f"{name}.json") for name in MODEL_NAMES])


def record_file(settings: Settings) -> Path | None:
    """The SQLite file of the record; None where it is in PostgreSQL."""
    from sqlalchemy.engine import make_url

    from service.bootstrap_jobs import database_url

    url = make_url(database_url(settings))
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def command_settings(data_dir: Path | None, database_url: str | None) -> Settings:
    return read_settings(data_dir=data_dir, database_url=database_url, demo=False, log={"level": "WARNING"})


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """A bar on standard error; call what it yields after each step."""
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def plain_table(*headings: str) -> Table:
    return Table(*(Column(heading, overflow="fold") for heading in headings), box=None, pad_edge=False)
