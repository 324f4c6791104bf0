"""How hard the hard set has to be: the Traditional method on copies of training garments, for several hardnesses.

PS-Net's Traditional method finds .645 of the copies in its top 20 at .332 mAP on a data set that is closed. The
hardness of ours is the one at which the same method, trained here, does about as well. No validation photo is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from models.benchmark.embeddings import Network, embed_once, joined
from models.benchmark.metrics import Figure, bootstrap
from models.benchmark.photos import Studio, copies_of, garment_photo, spread, strangers
from models.benchmark.ranking import Trial, equal_weights, rank
from models.benchmark.run import largest
from models.benchmark.sets import HARD, NEGATIVE
from models.training.data.copies import copy_maker, read_originals
from models.training.data.readers import Fold

PAPER = {"recall@20": 0.645, "mAP": 0.332}
"""PS-Net (CVPR 2020), Traditional: one global vector a garment."""
GALLERY = 3950
"""Garments of strangers in the whole benchmark's gallery: fewer are counted as if they were so many."""
DEFAULT_VALUES = (1.2, 1.6, 2.0)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is tried, and on how much."""

    values: tuple[float, ...] = DEFAULT_VALUES
    garments: int = 60
    copies: int = 4
    distractors: int = 1000


@dataclass(frozen=True, slots=True)
class Tried:
    """A hardness and how the Traditional method does at it, in a gallery of `GALLERY` strangers."""

    hardness: float
    figures: dict[str, Figure]

    @property
    def gap(self) -> float:
        """How far from the paper, a mean over its two figures."""
        return float(np.mean([abs(self.figures[name].value - value) for name, value in PAPER.items()]))


def measure_hardness(studio: Studio, traditional: Network, labels: Path, embedded: Path, tuning: Tuning) -> list[Tried]:
    """One row a value; `labels` as `complete_labels` writes them, `embedded` a folder for what is embedded."""
    originals = spread(read_originals(studio.root, labels, Fold.TRAIN), tuning.garments)
    maker = cache(partial(copy_maker, studio.root, labels))
    owners = {one.garment.photo for one in originals}
    garments, worn = strangers(studio.root, tuning.distractors, street_folds=(Fold.TRAIN,))
    see = partial(embed_once, network=traditional, folder=embedded)
    paths = studio.look([one for one in [*garments, *worn] if one.owner not in owners], "strangers")
    in_the_way = largest(see(paths, words="strangers"))
    registered = largest(
        see(studio.look([garment_photo(one.garment) for one in originals], "originals"), words="originals")
    )
    groups = {one.garment.photo: one.landmarks.category.group.value for one in originals}
    tried = []
    for value in tuning.values:
        sets = [replace(plan, hardness=value) for plan in (HARD, NEGATIVE)]
        made = [
            studio.look(copies_of(maker, originals, plan, count), f"{plan.name} {value:g}")
            for plan, count in zip(sets, (tuning.copies, 1), strict=True)
        ]
        copies, negatives = (largest(see(part, words=f"hardness {value:g}")) for part in made)
        trial = Trial(registered, copies, joined(in_the_way, negatives), groups, 0.0)
        crowd = np.ones(len(trial.distractors))
        crowd[: len(in_the_way)] = GALLERY / max(1, int((in_the_way.groups != "").sum()))
        ranking = rank(trial, equal_weights(), crowd)
        tried.append(Tried(value, {name: bootstrap(*ranking.metric(name)) for name in PAPER}))
    return tried


def as_table(tried: Sequence[Tried]) -> str:
    """Markdown, the nearest value named below."""
    lines = ["| hardness | recall@20 | mAP | mean distance from the paper |", "|---|---|---|---|"]
    lines += [
        f"| {one.hardness:g} | {one.figures['recall@20']} | {one.figures['mAP']} | {one.gap:.3f} |" for one in tried
    ]
    lines.append(f"| paper | {PAPER['recall@20']} | {PAPER['mAP']} | |")
    nearest = min(tried, key=lambda one: one.gap)
    return "\n".join([*lines, "", f"nearest: {nearest.hardness:g} (n = {nearest.figures['mAP'].count} garments)"])
