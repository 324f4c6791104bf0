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
    photos: Annotated[int, typer.Option(help="Photos of the calibration fold: half calibrate.")] = 80,
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
    from models.training.trade import calibration_images, compare_variants, record_forms
    from models.training.trade_report import FoldQuality, markdown, page

    root = data_root(data)
    quality = FoldQuality(root, open_shelf(work, root), garments=garments, distractors=distractors)
    images = calibration_images(root, photos)
    outcomes = compare_variants(weights, images, work / "trade", quality, networks or MODEL_NAMES)
    asked = (
        f"{photos} photos of the calibration fold, half of them to calibrate int8; quality on at most {garments} "
        f"garments of it, the embedder's gallery filled with {distractors} training garments."
    )
    typer.echo(markdown(outcomes, asked))
    if out is not None:
        out.write_text(page(outcomes, asked))
    if record:
        for path in record_forms(weights, outcomes):
            typer.echo(f"{path} tells of its forms")
