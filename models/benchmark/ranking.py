"""Where copies and originals rank for each other, asked as in the paper and as in service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.benchmark.embeddings import Embedded, score_all
from models.benchmark.metrics import average_precision_of, recall_of
from models.taxonomy import WeightGroup
from models.weighting import RegionWeights, WeightTable

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]
METRICS = ("recall@20", "mAP", "top-1", "top-5", "top-20")
"""The paper's two, then those of a check in service."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """`originals` are registered, `copies` are theirs, `distractors` stand in the way (hard negatives among them).

    `groups`: owner → weight group that a person read. One row a photo of originals and copies.
    """

    originals: Embedded
    copies: Embedded
    distractors: Embedded
    groups: Mapping[str, str]
    least_weight: float

    @property
    def gallery(self) -> int:
        """Garments that answer in service."""
        return int((self.originals.groups != "").sum() + (self.distractors.groups != "").sum())


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """N copies: whose they are, the group of it, and 1-based ranks (N,); ties count against them.

    `of_copy`: of the copy when its original asks, among its other copies and the distractors (the paper's way);
    `of_original`: of the original when the copy asks, among all that is registered (the service's way).
    """

    owners: Strings
    groups: Strings
    of_copy: Floats
    of_original: Floats

    def metric(self, name: str) -> tuple[Floats, Strings]:
        """Values and their garments: one a garment for the paper's metrics, one a copy for the service's."""
        if name in ("recall@20", "mAP"):
            owners = np.unique(self.owners)
            of_garment = recall_of if name == "recall@20" else average_precision_of
            return np.array([of_garment(self.of_copy[self.owners == owner]) for owner in owners]), owners
        return (self.of_original <= int(name.removeprefix("top-"))).astype(np.float64), self.owners

    def within(self, group: str) -> Ranking:
        own = self.groups == group
        return Ranking(self.owners[own], self.groups[own], self.of_copy[own], self.of_original[own])


def rank(trial: Trial, table: WeightTable, crowd: Floats | None = None) -> Ranking:
    """Rank with the weights of each query's group; `crowd` (D,) counts each distractor as so many of its kind."""
    many = np.ones(len(trial.distractors)) if crowd is None else crowd
    copies, originals = trial.copies, trial.originals
    place_of = {str(owner): place for place, owner in enumerate(originals.owners)}
    original_of = np.array([place_of[str(owner)] for owner in copies.owners], dtype=np.int64)
    numbers = np.arange(len(copies))

    by_original = weights_of(originals, table)
    own = score_all(originals, copies, by_original, trial.least_weight)[original_of, numbers]
    others = score_all(originals, trial.distractors, by_original, trial.least_weight)
    ahead = np.array([(others[at] >= score) @ many for at, score in zip(original_of, own, strict=True)], np.float64)

    by_copy = weights_of(copies, table)
    registered = score_all(copies, originals, by_copy, trial.least_weight)
    wanted = registered[numbers, original_of][:, None]
    strangers = (score_all(copies, trial.distractors, by_copy, trial.least_weight) >= wanted) @ many
    return Ranking(
        copies.owners,
        np.array([trial.groups[str(owner)] for owner in copies.owners], dtype=np.str_),
        _places(ahead, own, copies.owners),
        np.asarray((registered >= wanted).sum(axis=1) + strangers, dtype=np.float64),
    )


def weights_of(queries: Embedded, table: WeightTable) -> Floats:
    """float64 (Q, 5): the weights of each query's detected group; equal ones where no garment was found."""
    equal = RegionWeights.equal().values
    rows = [table.of(WeightGroup(group)).values if group else equal for group in queries.groups.tolist()]
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def equal_weights() -> WeightTable:
    return WeightTable("equal", {group: RegionWeights.equal() for group in WeightGroup})


def _places(ahead: Floats, scores: npt.NDArray[np.float32], owners: Strings) -> Floats:
    """Rank of each copy from the distractors ahead of it: siblings with better scores stand before it too."""
    places = np.zeros(len(ahead))
    for owner in np.unique(owners):
        rows = np.flatnonzero(owners == owner)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        places[rows] = ahead[rows] + np.arange(1, len(rows) + 1)
    return places
