"""The stores' questions of `selvedge benchmark` (`models/benchmark/stores.py`), by themselves."""

from __future__ import annotations

from pathlib import Path

from models.benchmark.stores import Describe, ask_stores
from models.scoring import Likeness
from tests.benchmarks.tables import Report, share


def measure(describe: Describe, root: Path) -> Report:
    """Top-1 by likeness, as `POST /search` ranks; its settings for each fold are chosen on the other."""
    asked = ask_stores(describe, root)
    report = Report("Stores, tops, both folds pooled (the embedder saw no store photo)")
    for answer in asked.answers:
        report.add(answer.question.words, answer.question.bar, share(answer.found), len(answer.found))
        report.add("– by S alone", "–", share(answer.by_score), len(answer.by_score))
    report.notes.append(f"{asked.lost} of {asked.photos} photos: no upper garment found; asked with, they are misses")
    report.notes.append(
        "likeness (chosen on the other fold): " + "; ".join(f"fold {f} {_told(c)}" for f, c in enumerate(asked.chosen))
    )
    report.notes.append(f"likeness chosen on both folds, as shipped: {_told(asked.shipped)}")
    return report


def _told(likeness: Likeness) -> str:
    return f"{likeness.colour_cost:g} a ΔE up to {likeness.most_colour:g}, {likeness.group_bonus:g} for one group"
