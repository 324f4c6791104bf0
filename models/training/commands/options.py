"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WORK = Path("var/training")
WEIGHTS = Path("models/weights")

Work = Annotated[Path, typer.Option(help="Where labels, checkpoints and exported models are kept.")]
Data = Annotated[Path | None, typer.Option(help="The photos; default GARMENT_DATA, else ../shared/data.")]
Weights = Annotated[Path, typer.Option(help="The exported models.")]
DeepFashion2 = Annotated[
    Path | None, typer.Option(help="DeepFashion2's folder (train/annos, train/image), to learn from its photos too.")
]
Every = Annotated[
    int,
    typer.Option(
        min=1, help="Read each n-th photo of DeepFashion2: what is learnt from is kept in memory, about 0.3 MB."
    ),
]
