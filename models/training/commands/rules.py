"""What verdicts are fitted on: cohort, evidence, region weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.training.commands.options import WEIGHTS, WORK, Data, Weights, Work
from models.training.data.readers import Fold, data_root


def cohort(
    weights: Annotated[Path, typer.Option(help="The exported models; the cohort is written beside them.")] = Path(
        "models/weights"
    ),
    work: Work = WORK,
    data: Data = None,
    garments: Annotated[int, typer.Option(help="Training garments in the cohort.")] = 400,
) -> None:
    """Embed the training garments that backgrounds are measured against.

    Example: python -m models.training cohort --garments 400
    """
    from models.runtime.shipped import open_describer
    from models.training.data.copies import read_originals
    from models.training.make_cohort import make_cohort

    originals = read_originals(data_root(data), work / "complete.jsonl", Fold.TRAIN)
    typer.echo(make_cohort(open_describer(weights).describe, originals, garments, weights / "cohort.npy"))


def evidence(
    weights: Weights = WEIGHTS,
    work: Work = WORK,
    data: Data = None,
    seeds: Annotated[int, typer.Option(help="Copies made of each garment.")] = 2,
    least_weight: Annotated[
        float, typer.Option(help="The policy's: what shares less of the weight is no candidate.")
    ] = 0.35,
) -> None:
    """Make copies of garments that no embedder saw, compare them, and keep what `selvedge calibrate` learns from.

    Example: python -m models.training evidence --seeds 2
    """
    from models.evidence import save_evidence
    from models.runtime.shipped import open_describer
    from models.training.calibration_run import compare_strangers

    found = compare_strangers(
        open_describer(weights), weights, data_root(data), work, range(seeds), least_weight=least_weight
    )
    save_evidence(found, work / "evidence.npz")
    typer.echo(f"{len(found.query)} comparisons of {len(set(found.query.tolist()))} queries")


def weights(
    version: Annotated[str, typer.Option(help="Name of the new weights; answers carry it.")],
    work: Work = WORK,
    table: Annotated[Path, typer.Option(help="The weights to replace; those of bottoms are kept.")] = Path(
        "models/weights/region_weights.json"
    ),
) -> None:
    """Learn the region weights of each group on the evidence, by coordinate ascent.

    Example: python -m models.training weights --version learned-1
    """
    from models.evidence import load_evidence
    from models.weight_learning import learn_weights
    from models.weighting import read_weight_table, write_weight_table

    learnt = learn_weights(load_evidence(work / "evidence.npz"), read_weight_table(table), version)
    write_weight_table(learnt, "coordinate ascent on made copies beside look-alikes (models/weight_learning.py)", table)
    typer.echo(table.read_text())
