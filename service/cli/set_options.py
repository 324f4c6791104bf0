"""`--set section.name=value`: any setting on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

SetOptions = Annotated[list[str] | None, typer.Option("--set", help="Any other setting, as section.name=value.")]


def nested_options(more: list[str] | None) -> dict[str, Any]:
    """`["images.max_bytes=5", "cache.timeout_s=1"]` → nested options. Raises typer.BadParameter."""
    nested: dict[str, Any] = {}
    for setting in more or []:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{setting!r} is not section.name=value", param_hint="--set")
        *sections, leaf = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return nested
