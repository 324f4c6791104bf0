"""`selvedge index`: snapshots, backups, and what they are worth. All but `restore` may run beside a service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from service.cli.opening import (
    DatabaseUrl,
    DataDir,
    command_settings,
    installed_models,
    loaded_index,
    opened_record,
    plain_table,
    progress_bar,
    record_file,
)
from service.cli.reembedding import reembed
from service.settings import Settings

if TYPE_CHECKING:
    from index.catalogue import Catalogue
    from index.verification import Finding

NO_KEYS = "without API keys, which the backup has none of: make one before you serve (selvedge keys create)"

index_app = typer.Typer(help="Snapshot, back up, restore and verify the index.", no_args_is_help=True)
index_app.command(epilog="Example: [bold]selvedge index reembed[/bold], and later [bold]--drop-old[/bold]")(reembed)


@index_app.command(epilog="Example: [bold]selvedge index snapshot --output /backups/monday[/bold]")
def snapshot(
    output: Annotated[
        Path | None, typer.Option(help="Write a whole backup there: record, photos, API keys and a snapshot.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write a snapshot, which shortens the next start; with --output a backup to restore from."""
    from index.backup import write_backup
    from service.access.keys_store import keys_file
    from service.bootstrap_index import open_photos

    settings = command_settings(data_dir, database_url)
    with loaded_index(settings) as (catalogue, live, _):
        if output is None:
            with progress_bar("blocks written") as tick:
                path = live.write_snapshot(tick)
            Console().print(f"snapshot: {path}", markup=False, highlight=False)
            return
        photos = open_photos(settings)
        with progress_bar("photos copied", catalogue.counts().photos) as tick:
            manifest = write_backup(catalogue, photos, live, output.resolve(), tick, keys_file(settings))
    said = "" if manifest.record else "; the record and the keys are in PostgreSQL: back it up with pg_dump, after this"
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
    from service.access.keys_store import keys_file
    from service.bootstrap_index import open_photos
    from service.cli.data_dir import hold_data_dir

    settings = command_settings(data_dir, database_url)
    with hold_data_dir(settings.data_dir):
        with progress_bar("photos checked") as tick:
            check_backup(backup, tick)
        with progress_bar("photos copied") as tick:
            photos = None if settings.photos.url is None else open_photos(settings)
            places = (record_file(settings), tick, photos, keys_file(settings))
            manifest = restore_backup(backup, settings.data_dir.resolve(), *places)
        said = "with the API keys of then" if manifest.keys else NO_KEYS if manifest.record else "keys as in PostgreSQL"
        Console().print(
            f"{manifest.items} items and {manifest.photos} photos restored, {said}; comparing", highlight=False
        )
        _verify(settings, {"items": manifest.items, "garments of all models": manifest.garments})


@index_app.command(epilog="Example: [bold]selvedge index verify[/bold]")
def verify(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Compare the latest snapshot, or what Milvus holds, with the record, checksums to searches. Exit code 1 where they
    differ."""
    _verify(command_settings(data_dir, database_url), {})


@index_app.command(epilog="Example: [bold]selvedge index stats[/bold]")
def stats(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """How much the record holds, and which snapshots there are."""
    from index.errors import SnapshotUnusable
    from index.manifest import Manifest
    from index.snapshot import Snapshots

    settings = command_settings(data_dir, database_url)
    with opened_record(settings) as catalogue:
        version = installed_models(settings)
        counts, sequence = catalogue.counts(), catalogue.last_sequence()
        undescribed = catalogue.count_undescribed(version)
    table = plain_table("record", "")
    rows = {
        "items": counts.items,
        "photos": counts.photos,
        "garments": counts.garments,
        "searched by these models": counts.designs.get(version, 0),
        "photos that only other models described": undescribed,
        "designs as other models saw them": sum(counts.designs.values()) - counts.designs.get(version, 0),
        "changes": sequence,
    }
    for name, number in rows.items():
        table.add_row(name, f"{number:,}")
    found = plain_table("snapshot", "changes behind", "garments", "tombstones", "blocks", "MB", "")
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
    settings = command_settings(data_dir, database_url)
    with loaded_index(settings) as (_, live, shards):
        before = sum(1 for _ in shards.blocks())
        with progress_bar("blocks written") as tick:
            dropped = shards.compact()
            live.write_snapshot(tick, kept=1)
        after = sum(1 for _ in shards.blocks())
    Console().print(f"{dropped:,} tombstones dropped, {before} blocks are {after} now", highlight=False)


def _verify(settings: Settings, expected: dict[str, int]) -> None:
    """Print what was compared; exit with 1 where something differs."""
    from index.verification import Finding

    with opened_record(settings) as catalogue, progress_bar("blocks and batches read") as tick:
        counts = catalogue.counts()
        counted = {"items": counts.items, "garments of all models": counts.garments}
        findings = [Finding(name, f"{number:,}", f"{counted[name]:,}") for name, number in expected.items()]
        findings += _compared(settings, catalogue, tick)
    table = plain_table("", "compared", "expected", "found")
    for finding in findings:
        style, word = ("green", "ok") if finding.agrees else ("red", "differs")
        table.add_row(word, *map(escape, (finding.name, finding.expected, finding.found)), style=style)
    Console().print(table)
    if not all(finding.agrees for finding in findings):
        raise typer.Exit(1)


def _compared(settings: Settings, catalogue: Catalogue, tick: Callable[[], None]) -> list[Finding]:
    """What holds the vectors beside the record: the latest snapshot, or the engine that keeps them."""
    from index.kept_verification import verify_kept
    from index.shared_live import KeptVectors
    from index.snapshot import Snapshots
    from index.verification import verify
    from service.bootstrap_index import open_vectors

    version = installed_models(settings)
    vectors = open_vectors(settings, version)
    try:
        if isinstance(vectors, KeptVectors):
            return verify_kept(catalogue, vectors, version, tick)
        return verify(catalogue, Snapshots(settings.data_dir.resolve() / "snapshots"), version, tick)
    finally:
        vectors.close()
