"""`selvedge check`: the answer as a table of matches and regions, and the overlay as a PNG file."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from models.taxonomy import REGIONS
from service.cli.connection import ask

VERDICT_STYLES = {
    "image_copy": "bold red",
    "design_copy": "bold red",
    "partial_copy": "bold yellow",
    "similar": "bold blue",
    "clear": "bold green",
    "no_garment": "dim",
}
_DATA_URI = "data:image/png;base64,"


async def check_photo(client: httpx.AsyncClient, photo: Path, fields: dict[str, str]) -> dict[str, Any]:
    """The answer of `POST /check-plagiarism`, overlay included. Raises Refused, Unreachable, OSError."""
    upload = {"image": (photo.name, await asyncio.to_thread(photo.read_bytes))}
    response = await ask(
        client, "POST", "/check-plagiarism", data=fields | {"include": "landmarks,regions,overlay"}, files=upload
    )
    answer: dict[str, Any] = response.json()
    return answer


def save_overlay(answer: Mapping[str, Any], path: Path) -> bool:
    """Write the overlay of an answer; False where it has none."""
    overlay = answer.get("overlay")
    if not isinstance(overlay, str) or not overlay.startswith(_DATA_URI):
        return False
    path.write_bytes(base64.b64decode(overlay.removeprefix(_DATA_URI)))
    return True


def describe_answer(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The verdict, a table a garment, warnings and the record."""
    verdict = str(answer["verdict"])
    yield Panel(Text(_words(verdict).upper(), style=VERDICT_STYLES.get(verdict, "")), expand=False, box=box.ROUNDED)
    for garment in answer["garments"]:
        yield _garment_table(garment)
        for warning in garment.get("warnings", []):
            yield Text(f"! {warning['message']}", style="yellow")
    for warning in answer.get("warnings", []):
        yield Text(f"! {warning['message']}", style="yellow")
    versions = ", ".join(f"{name} {value}" for name, value in answer["versions"].items())
    cached = ", from the cache" if answer["cached"] else ""
    yield Text(f"{answer['check_id']} · {answer['timings_ms']['total']:.0f} ms{cached} · {versions}", style="dim")


def _garment_table(garment: Mapping[str, Any]) -> Table:
    title = f"{_words(garment['category'])}, found with {garment['confidence']:.0%} confidence"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    # In 80 columns ids break over lines; nothing is cut off.
    table.add_column("item", overflow="fold")
    table.add_column("verdict", min_width=7)
    table.add_column("prob.", justify="right", min_width=5)
    table.add_column("score", justify="right", min_width=6)
    for region in REGIONS:
        table.add_column(_words(region.value), justify="right", min_width=7)
    for match in garment["matches"]:
        table.add_row(
            Text(str(match["item_id"]) + _badges(match)),
            Text(_words(match["verdict"]), style=VERDICT_STYLES.get(match["verdict"], "")),
            f"{match['probability']:.0%}",
            f"{match['score']:.3f}",
            *(_region_cell(match["regions"].get(region.value)) for region in REGIONS),
        )
    if not garment["matches"]:
        table.add_row("nothing registered resembles it", *[""] * (3 + len(REGIONS)))
    return table


def _region_cell(region: Mapping[str, Any] | None) -> Text:
    """Cosine with a sign for agreeing (✓), altered (✗) or missing (–), so that colour is not needed to tell."""
    if region is None or region.get("cosine") is None:
        altered = region is not None and region.get("agrees") is False
        return Text("absent ✗" if altered else "–", style="yellow" if altered else "dim")
    sign, style = {True: ("✓", "green"), False: ("✗", "yellow")}.get(region["agrees"], ("·", "dim"))
    return Text(f"{region['cosine']:.2f} {sign}", style=style)


def _badges(match: Mapping[str, Any]) -> str:
    badges = [word for field, word in (("same_photo", "same photo"), ("mirrored", "mirrored")) if match.get(field)]
    return f" ({', '.join(badges)})" if badges else ""


def _words(name: str) -> str:
    return str(name).replace("_", " ")
