"""`selvedge index`: snapshots, backups, and what they are worth. All but `restore` may run beside a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from index.catalogue import Catalogue
    from index.live import LiveIndex
    from index.shards import Shards

index_app = typer.Typer(help="Snapshot, back up, restore and verify the index.", no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option(help="Where record, photos and snapshots lie (SELVEDGE_DATA_DIR).")]
DatabaseUrl = Annotated[str | None, typer.Option(help="SQLAlchemy URL of the record (SELVEDGE_DATABASE_URL).")]


@index_app.command(epilog="Example: [bold]selvedge index snapshot --output /backups/monday[/bold]")
def snapshot(
    output: Annotated[
        Path | None, typer.Option(help="Write a whole backup there: record, photos and a snapshot.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write a snapshot, which shortens the next start; with --output a backup to restore from."""
    from index.backup import write_backup
    from index.photos import PhotoStore

    settings = _settings(data_dir, database_url)
    with _loaded(settings) as (catalogue, live, _):
        if output is None:
            with _progress("blocks written") as tick:
                path = live.write_snapshot(tick)
            Console().print(f"snapshot: {path}", markup=False, highlight=False)
            return
        photos = PhotoStore(settings.data_dir.resolve() / "photos")
        with _progress("photos copied", catalogue.counts().photos) as tick:
            manifest = write_backup(catalogue, photos, live, output.resolve(), tick)
    said = "" if manifest.record else "; the record is in PostgreSQL: back it up with pg_dump, after this"
    Console().print(
        f"backup: {output} ({manifest.items} items, {manifest.garments} garments, {manifest.photos} photos){said}",
        markup=False, highlight=False,
    )  # fmt: skip


@index_app.command(epilog="Example: [bold]selvedge index restore /backups/monday --data-dir var-restored[/bold]")
def restore(
    backup: Annotated[Path, typer.Argument(help="A backup that `snapshot --output` wrote.", exists=True)],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Check a backup, copy it into an empty data dir, and verify what a service would start from there."""
    from index.backup import check_backup, restore_backup
    from service.cli.data_dir import hold_data_dir

    settings = _settings(data_dir, database_url)
    with hold_data_dir(settings.data_dir):
        with _progress("photos checked") as tick:
            check_backup(backup, tick)
        with _progress("photos copied") as tick:
            manifest = restore_backup(backup, settings.data_dir.resolve(), _record_file(settings), tick)
        Console().print(f"{manifest.items} items and {manifest.photos} photos restored; comparing", highlight=False)
        _verify(settings, {"items": manifest.items, "garments of all models": manifest.garments})


@index_app.command(epilog="Example: [bold]selvedge index verify[/bold]")
def verify(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Compare the latest snapshot with the record, checksums to searches. Exit code 1 where they differ."""
    _verify(_settings(data_dir, database_url), {})


@index_app.command(epilog="Example: [bold]selvedge index stats[/bold]")
def stats(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """How much the record holds, and which snapshots there are."""
    from index.errors import SnapshotUnusable
    from index.manifest import Manifest
    from index.snapshot import Snapshots

    settings = _settings(data_dir, database_url)
    with _opened(settings) as catalogue:
        counts, sequence = catalogue.counts(), catalogue.last_sequence()
    version = _models_version(settings)
    table = _table("record", "")
    rows = {
        "items": counts.items,
        "photos": counts.photos,
        "garments": counts.garments,
        "searched by these models": counts.designs.get(version, 0),
        "of other models, not searched": sum(counts.designs.values()) - counts.designs.get(version, 0),
        "changes": sequence,
    }
    for name, number in rows.items():
        table.add_row(name, f"{number:,}")
    found = _table("snapshot", "changes behind", "garments", "tombstones", "blocks", "MB", "")
    for path in Snapshots(settings.data_dir.resolve() / "snapshots").paths():
        try:
            manifest = Manifest.read(path)
        except SnapshotUnusable as error:
            found.add_row(path.name, "", "", "", "", "", escape(str(error)))
            continue
        numbers = (sequence - manifest.moment.sequence, manifest.garments, manifest.dead, len(manifest.blocks))
        other = "" if manifest.models_version == version else "of other models"
        found.add_row(path.name, *(f"{number:,}" for number in numbers), f"{manifest.size / 1e6:,.1f}", other)
    for part in (table, found):
        Console().print(part)


@index_app.command(epilog="Example: [bold]selvedge index compact[/bold]")
def compact(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Write a snapshot without tombstones, and delete the older ones."""
    from index.snapshot import Snapshots

    settings = _settings(data_dir, database_url)
    with _loaded(settings) as (_, live, shards):
        before = sum(1 for _ in shards.blocks())
        with _progress("blocks written") as tick:
            dropped = shards.compact()
            live.write_snapshot(tick)
        after = sum(1 for _ in shards.blocks())
    Snapshots(settings.data_dir.resolve() / "snapshots").prune(_models_version(settings), kept=1)
    Console().print(f"{dropped:,} tombstones dropped, {before} blocks are {after} now", highlight=False)


def _verify(settings: Settings, expected: dict[str, int]) -> None:
    """Print what was compared; exit with 1 where something differs."""
    from index.snapshot import Snapshots
    from index.verification import Finding, verify

    snapshots = Snapshots(settings.data_dir.resolve() / "snapshots")
    with _opened(settings) as catalogue, _progress("blocks and batches read") as tick:
        counts = catalogue.counts()
        counted = {"items": counts.items, "garments of all models": counts.garments}
        findings = [Finding(name, f"{number:,}", f"{counted[name]:,}") for name, number in expected.items()]
        findings += verify(catalogue, snapshots, _models_version(settings), tick)
    table = _table("", "compared", "expected", "found")
    for finding in findings:
        style, word = ("green", "ok") if finding.agrees else ("red", "differs")
        table.add_row(word, *map(escape, (finding.name, finding.expected, finding.found)), style=style)
    Console().print(table)
    if not all(finding.agrees for finding in findings):
        raise typer.Exit(1)


@contextmanager
def _opened(settings: Settings) -> Iterator[Catalogue]:
    from index.catalogue import Catalogue
    from service.bootstrap import database_url

    catalogue = Catalogue(database_url(settings))
    try:
        yield catalogue
    finally:
        catalogue.close()


@contextmanager
def _loaded(settings: Settings) -> Iterator[tuple[Catalogue, LiveIndex, Shards]]:
    """The record and the index over it, as a service would start."""
    import os

    from index.live import LiveIndex
    from index.shards import Shards
    from index.snapshot import Snapshots

    shards = Shards(os.cpu_count() or 1)
    try:
        with _opened(settings) as catalogue:
            snapshots = Snapshots(settings.data_dir.resolve() / "snapshots")
            live = LiveIndex(catalogue, shards, _models_version(settings), snapshots)
            with Console(stderr=True).status("loading the index"):
                live.load()
                live.check_snapshot()
                live.catch_up()
            yield catalogue, live, shards
    finally:
        shards.close()


def _models_version(settings: Settings) -> str:
    """Of the networks that would serve, without loading them."""
    from models.manifest import read_manifest
    from models.runtime.describe import models_version
    from models.runtime.shipped import MODEL_NAMES

    return models_version([read_manifest(settings.weights_dir / f"{name}.json") for name in MODEL_NAMES])


def _record_file(settings: Settings) -> Path | None:
    """The SQLite file of the record; None where it is in PostgreSQL."""
    from sqlalchemy.engine import make_url

    from service.bootstrap import database_url

    url = make_url(database_url(settings))
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _settings(data_dir: Path | None, database_url: str | None) -> Settings:
    return read_settings(data_dir=data_dir, database_url=database_url, demo=False, log={"level": "WARNING"})


@contextmanager
def _progress(what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """A bar on standard error; call what it yields after each step."""
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _table(*headings: str) -> Table:
    return Table(*(Column(heading, overflow="fold") for heading in headings), box=None, pad_edge=False)
