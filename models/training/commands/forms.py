"""What other forms of the shipped networks would cost and save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.training.commands.options import WEIGHTS, WORK, Data, Weights, Work
from models.training.data.readers import data_root


def trade(
    weights: Weights = WEIGHTS,
    work: Work = WORK,
    data: Data = None,
    photos: Annotated[int, typer.Option(min=4, help="Photos of the calibration fold: half calibrate.")] = 80,
    garments: Annotated[int, typer.Option(help="Most garments of the calibration fold to measure quality on.")] = 400,
    distractors: Annotated[int, typer.Option(help="Training garments in the embedder's gallery.")] = 350,
    networks: Annotated[list[str] | None, typer.Option(help="Which networks; all by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the page here too: docs/export.md.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the manifests too.")] = False,
) -> None:
    """Make fp32, int8 and fp16 forms of the shipped networks and measure size, speed, agreement and quality.

    Example: python -m models.training trade --record --out docs/export.md
    """
    from models.runtime.shipped import MODEL_NAMES
    from models.training.embedder.shelf import open_shelf
    from models.training.trade import compare_variants, read_images, record_forms, spread_photos
    from models.training.trade_report import FoldQuality, markdown, page

    if unknown := set(networks or ()) - set(MODEL_NAMES):
        raise typer.BadParameter(f"{', '.join(unknown)}: one of {', '.join(MODEL_NAMES)}", param_hint="networks")
    root = data_root(data)
    teaching, asked_of = spread_photos(root, photos)
    quality = FoldQuality(
        root,
        open_shelf(work, root),
        garments=garments,
        distractors=distractors,
        left_out=frozenset(photo.photo for photo in teaching),
    )
    outcomes = compare_variants(
        weights, read_images(teaching), read_images(asked_of), work / "trade", quality, networks or MODEL_NAMES
    )
    asked = (
        f"{len(asked_of)} photos of the calibration fold, {len(teaching)} others to calibrate int8; quality on at most "
        f"{garments} garments of it, none of them those others', the embedder's gallery filled with {distractors} "
        f"training garments."
    )
    typer.echo(markdown(outcomes, asked))
    if out is not None:
        out.write_text(page(outcomes, asked))
    if record:
        for path in record_forms(weights, outcomes):
            typer.echo(f"{path} tells of its forms")
