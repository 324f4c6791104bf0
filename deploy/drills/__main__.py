"""`python -m deploy.drills DRILL`: exit code 1 where something was not found as expected."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from deploy.drills import (
    full_disk,
    index_swap,
    kill_nine,
    model_file,
    postgres_faults,
    read_only,
    redis_faults,
    replicas,
    restore,
    rolling_upgrade,
    snapshot_faults,
    soak,
)
from deploy.drills.photos import garment, pattern
from deploy.drills.report import DrillReport
from service.bootstrap import load_describer
from service.settings import read_settings

app = typer.Typer(help="Faults on purpose, on services started for it in temporary folders; each prints a table.")


@app.command("kill-nine", epilog="Example: [bold]python -m deploy.drills kill-nine --rounds 5 --adds 100 --real[/bold]")
def kill_nine_command(
    rounds: Annotated[int, typer.Option(help="How often the service is killed.")] = 50,
    adds: Annotated[int, typer.Option(help="Acknowledged adds before each kill.")] = 100,
    real: Annotated[bool, typer.Option(help="With the shipped networks instead of a few lines.")] = False,
) -> None:
    """kill -9 while items are added and deleted."""
    photo = garment if real else pattern
    _run(lambda folder: kill_nine.drill(folder, rounds, adds, photo, fake_models=not real))


@app.command("redis", epilog="Example: [bold]python -m deploy.drills redis --checks 100[/bold]")
def redis_command(checks: Annotated[int, typer.Option(help="Checks in each state of Redis.")] = 60) -> None:
    """Redis killed, started again, slow, hanging under checks."""
    _run(lambda folder: redis_faults.drill(folder, checks))


@app.command("postgres", epilog="Example: [bold]python -m deploy.drills postgres --checks 100[/bold]")
def postgres_command(checks: Annotated[int, typer.Option(help="Checks in each state of PostgreSQL.")] = 60) -> None:
    """PostgreSQL stopped, started again and slow under checks (needs its binaries)."""
    _run(lambda folder: postgres_faults.drill(folder, checks))


@app.command("read-only", epilog="Example: [bold]sudo python -m deploy.drills read-only[/bold]")
def read_only_command(items: Annotated[int, typer.Option(help="Items to add, check and delete.")] = 8) -> None:
    """Data dir and a small /tmp alone can be written, no capability is left (needs root)."""
    try:
        _run(lambda folder: read_only.drill(folder, items, garment, fake_models=False))
    except PermissionError as error:
        raise typer.BadParameter(str(error)) from error


@app.command("replicas", epilog="Example: [bold]python -m deploy.drills replicas --adds 100[/bold]")
def replicas_command(adds: Annotated[int, typer.Option(help="Adds on each database.")] = 60) -> None:
    """How soon a replica finds what another acknowledged."""
    _run(lambda folder: replicas.drill(folder, adds))


@app.command("rolling-upgrade", epilog="Example: [bold]python -m deploy.drills rolling-upgrade --before 330b37d[/bold]")
def rolling_upgrade_command(
    before: Annotated[str, typer.Option(help="A commit: the earlier release, of this environment's packages.")],
) -> None:
    """One release replaced by the next, both on one record for a while."""
    _run(lambda folder: rolling_upgrade.drill(folder, before))


@app.command("snapshot", epilog="Example: [bold]python -m deploy.drills snapshot --items 200[/bold]")
def snapshot_command(items: Annotated[int, typer.Option(help="Items in the index.")] = 100) -> None:
    """Snapshots damaged before a restart under checks."""
    _run(lambda folder: snapshot_faults.drill(folder, items))


@app.command("restore", epilog="Example: [bold]python -m deploy.drills restore --items 1000 --real[/bold]")
def restore_command(
    items: Annotated[int, typer.Option(help="Items added before the backup; every tenth is deleted again.")] = 200,
    real: Annotated[bool, typer.Option(help="With the shipped networks instead of a few lines.")] = False,
) -> None:
    """A data dir backed up, wiped and restored: the same counts, photos, checks and keys."""
    photo = garment if real else pattern
    _run(lambda folder: restore.drill(folder, items, photo, fake_models=not real))


@app.command("index-swap", epilog="Example: [bold]python -m deploy.drills index-swap --seconds 30[/bold]")
def index_swap_command(
    items: Annotated[int, typer.Option(help="Items in the index.")] = 200,
    seconds: Annotated[float, typer.Option(help="How long each phase lasts.")] = 20,
) -> None:
    """The index swapped under load: by another process's writes, by snapshots, by new models."""
    _run(lambda folder: index_swap.drill(folder, items, seconds))


@app.command("soak", epilog="Example: [bold]python -m deploy.drills soak --minutes 20 --plot memory.png[/bold]")
def soak_command(
    items: Annotated[int, typer.Option(help="Items in the index before.")] = 10_000,
    minutes: Annotated[float, typer.Option(help="How long it lasts, at most 120.", max=120)] = 20,
    plot: Annotated[Path | None, typer.Option(help="Where the curve of memory is drawn.")] = None,
) -> None:
    """Checks, adds and deletes for a long time with the shipped networks: no errors, memory that stays."""
    _run(lambda folder: soak.drill(folder, load_describer(read_settings()), items, minutes, plot))


@app.command("model-file", epilog="Example: [bold]python -m deploy.drills model-file[/bold]")
def model_file_command() -> None:
    """Model files that are damaged, cut off, missing or of another taxonomy."""
    _run(model_file.drill)


@app.command("full-disk", epilog="Example: [bold]python -m deploy.drills full-disk[/bold]")
def full_disk_command(mounted: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
    """A disk that fills up under adds (needs Linux and the right to mount, or user namespaces)."""
    if not mounted:
        raise typer.Exit(full_disk.in_own_namespace())
    _run(full_disk.drill)


def _run(drill: Callable[[Path], DrillReport]) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            report = drill(Path(folder))
        except RuntimeError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(full_disk.NOT_ALLOWED) from error
    report.print()
    raise typer.Exit(0 if report.good else 1)


if __name__ == "__main__":
    app()
