"""`selvedge weights`: the region weights of a group: list, set, go back, and learn from decisions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from models.taxonomy import REGIONS, WeightGroup
from service.cli.connection import ask, connect
from service.settings import read_settings

app = typer.Typer(help="Region weights: versions, and what decisions teach.", no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option(help="Where record and photos lie (SELVEDGE_DATA_DIR).")]
Url = Annotated[str | None, typer.Option(help="Talk to a running service there instead of opening the data dir.")]
Group = Annotated[WeightGroup, typer.Argument(help="The weight group.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept in the history.")]


@app.command("list", epilog="Example: [bold]selvedge weights list t_shirt[/bold]")
def list_versions(group: Group, url: Url = None, data_dir: DataDir = None) -> None:
    """The latest versions of a group's weights, the one in force first."""
    answer = _ask("GET", f"/weights/{group.value}/versions", url, data_dir)
    table = _table("version", "source", "at", "key", _WEIGHTS, "why")
    for version in answer["versions"]:
        said = (version["version"], version["source"], version["at"][:16].replace("T", " "), version["key_id"] or "")
        table.add_row(*map(escape, (*said, " ".join(_numbers(version["weights"])), _why(version["report"]))))
    Console().print(table)


@app.command("set", epilog='Example: [bold]selvedge weights set t_shirt \'{"collar": 1, "chest": 2, …}\'[/bold]')
def set_weights(
    group: Group,
    weights: Annotated[str, typer.Argument(help="JSON object: all five regions, numbers >= 0.")],
    reason: Reason = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Weigh the regions anew; they are brought to a sum of 1."""
    try:
        given = json.loads(weights)
    except ValueError as error:
        raise typer.BadParameter(f"is no JSON: {error}", param_hint="WEIGHTS") from error
    _put(group, {"weights": given}, reason, url, data_dir)


@app.command(epilog="Example: [bold]selvedge weights rollback t_shirt learned-5[/bold]")
def rollback(
    group: Group,
    version: Annotated[str, typer.Argument(help="An earlier version, or what an answer names as versions.weights.")],
    reason: Reason = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Go back to an earlier version."""
    _put(group, {"version": version}, reason, url, data_dir)


@app.command(epilog="Example: [bold]selvedge weights learn decisions.json --url http://127.0.0.1:8000[/bold]")
def learn(
    decisions: Annotated[Path, typer.Argument(help='{"pairs": […]}, as POST /weights/learn takes it.', exists=True)],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Keep decisions on pairs, learn from all so far, and take what proves better on pairs held out."""
    sent = {"content": decisions.read_bytes(), "headers": {"Content-Type": "application/json"}}
    with Console(stderr=True).status("learning"):
        answer = _ask("POST", "/weights/learn", url, data_dir, **sent)
    for group in answer["groups"]:
        became = f"taken as {group['version']}" if group["promoted"] else f"{group['version']} kept"
        lines = [f"{group['group']}: {became}: {group['message']}"]
        if group["new_weights"] is not None:
            lines.append(f"  learnt: {_named(group['new_weights'])}")
        lines += [_half(group[half], words) for half, words in _HALVES.items()]
        Console().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


_HALVES = {"learning": "learnt from", "held_out": "held out"}
_REGIONS = tuple(name.value.replace("_", " ") for name in REGIONS)
_WEIGHTS = ", ".join(_REGIONS)


def _put(group: WeightGroup, body: dict[str, Any], reason: str | None, url: str | None, data_dir: Path | None) -> None:
    answer = _ask("PUT", f"/weights/{group.value}", url, data_dir, json=body | {"reason": reason})
    told = f"{group.value} {answer['version']}: {_named(answer['weights'])}"
    Console().print(told, markup=False, highlight=False, soft_wrap=True)


def _ask(method: str, path: str, url: str | None, data_dir: Path | None, **options: Any) -> dict[str, Any]:
    settings = read_settings(data_dir=data_dir, demo=False, log={"level": "WARNING"})

    async def work() -> httpx.Response:
        async with connect(url, settings) as client:
            return await ask(client, method, path, **options)

    answer: dict[str, Any] = asyncio.run(work()).json()
    return answer


def _half(half: Mapping[str, Any], words: str) -> str:
    pairs = f"{half['pairs']['copies']} copies, {half['pairs']['look_alikes']} look-alikes"
    return f"  {words}: {pairs}" + (f", loss {_fall(half['loss'])}" if half["loss"] else "")


def _named(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(_REGIONS, _numbers(weights), strict=True))


def _numbers(weights: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{weights[name.value]:.3f}" for name in REGIONS)


def _why(report: Mapping[str, Any]) -> str:
    if "held_out" in report:
        return f"held-out loss {_fall(report['held_out']['loss'])}"
    return " ".join(f"{name}: {value}" for name, value in report.items())


def _fall(loss: Mapping[str, float]) -> str:
    return f"{loss['before']:.4f} → {loss['after']:.4f}"


def _table(*headings: str) -> Table:
    """The first two columns are what is copied or looked for: never broken."""
    columns = [Column(heading, overflow="fold", no_wrap=place < 2) for place, heading in enumerate(headings)]
    return Table(*columns, box=None, pad_edge=False)
