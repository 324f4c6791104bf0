"""One set, several ways to weigh regions: recall and average precision as in the paper and as in service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.benchmark.embeddings import Embedded, pooled, score_all
from models.benchmark.metrics import Figure, average_precision, bootstrap, rank_of, recall_at
from models.weighting import RegionWeights, WeightTable

ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """`originals` are registered, `copies` are theirs, `distractors` stand in the way (hard negatives among them)."""

    originals: Embedded
    copies: Embedded
    distractors: Embedded


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the report; `group` is a weight group or `ALL`."""

    method: str
    group: str
    figures: Mapping[str, Figure]


def joined(first: Embedded, second: Embedded) -> Embedded:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("vectors", "owners", "groups")]
    return Embedded(*(np.concatenate(pair) for pair in pairs))


def measure_method(name: str, trial: Trial, table: WeightTable | None) -> list[Line]:
    """`table` None pools the regions to one vector, as the Traditional method's stand-in."""
    if table is None:
        trial = Trial(pooled(trial.originals), pooled(trial.copies), pooled(trial.distractors))
    paper, service = _as_in_paper(trial, table), _as_in_service(trial, table)
    groups = sorted({group for group, *_ in service if group})
    return [Line(name, group, _figures(paper, service, group)) for group in [ALL, *groups]]


def _weights(table: WeightTable | None, group: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if table is None or not group:
        return RegionWeights.equal().values
    return next(weights for key, weights in table.groups.items() if key.value == group).values


def _as_in_paper(trial: Trial, table: WeightTable | None) -> list[tuple[str, str, float, float]]:
    """(group, garment, recall@20, AP): the original asks, its own copies and the distractors answer."""
    rows = []
    for place, owner in enumerate(trial.originals.owners):
        own = trial.copies.owners == owner
        if not own.any():
            continue
        copies = Embedded(trial.copies.vectors[own], trial.copies.owners[own], trial.copies.groups[own])
        group = str(trial.originals.groups[place])
        asked, weights = trial.originals.vectors[place], _weights(table, group)
        scores = np.concatenate([score_all(asked, part, weights) for part in (copies, trial.distractors)])
        relevant = np.arange(len(scores)) < own.sum()
        rows.append((group, str(owner), recall_at(scores, relevant), average_precision(scores, relevant)))
    return rows


def _as_in_service(trial: Trial, table: WeightTable | None) -> list[tuple[str, str, int]]:
    """(original's group, garment, rank of the original): the copy asks, all that is registered answers."""
    gallery = joined(trial.originals, trial.distractors)
    place = {str(owner): number for number, owner in enumerate(trial.originals.owners)}
    rows = []
    for number, owner in enumerate(trial.copies.owners):
        weights = _weights(table, str(trial.copies.groups[number]))
        scores = score_all(trial.copies.vectors[number], gallery, weights)
        wanted = place[str(owner)]
        rows.append((str(trial.originals.groups[wanted]), str(owner), rank_of(scores, wanted)))
    return rows


def _figures(
    paper: list[tuple[str, str, float, float]], service: list[tuple[str, str, int]], group: str
) -> dict[str, Figure]:
    asked = [row for row in paper if group in (ALL, row[0])]
    found = [row for row in service if group in (ALL, row[0])]
    names = [row[1] for row in found]
    figures = {
        "recall@20": bootstrap([row[2] for row in asked], [row[1] for row in asked]),
        "mAP": bootstrap([row[3] for row in asked], [row[1] for row in asked]),
    }
    return figures | {f"top-{k}": bootstrap([row[2] <= k for row in found], names) for k in (1, 5, 20)}
