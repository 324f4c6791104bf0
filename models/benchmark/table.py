"""Lines of the report: each method on each weight group, and what one method gains on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.benchmark.embeddings import Network
from models.benchmark.metrics import Figure, bootstrap
from models.benchmark.ranking import METRICS, Ranking

ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """A method on a weight group or `ALL`; a figure a metric."""

    method: str
    group: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Gain:
    """What `method` has on `other` on the same copies, garment by garment."""

    question: str
    method: str
    other: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class EditLine:
    """How copies with one kind of edit were answered: so many `copies` of so many `garments`."""

    edit: str
    garments: int
    copies: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class NetworkLine:
    """How an embedder came about, as its manifest tells; None where it does not.

    `digest` of its file; `pooling` and `attention` of its design; `share` 0..1 of the training garments; `epochs`,
    `seed` and `wall_time_s` of its last run, `started_from` what that run went on from.
    """

    name: str
    digest: str
    pooling: str | None
    attention: bool | None
    share: float | None
    epochs: int | None
    seed: int
    wall_time_s: float
    started_from: str


def network_line(network: Network) -> NetworkLine:
    """A recipe from before trainings could learn from a share of the garments learnt from all of them."""
    training = network.training
    design, plan, schedule = (_part(training.recipe, name) for name in ("design", "plan", "schedule"))
    return NetworkLine(
        network.name,
        network.digest,
        pooling=design.get("pooling"),
        attention=design.get("attention"),
        share=plan.get("share", 1.0) if plan else None,
        epochs=schedule.get("epochs"),
        seed=training.seed,
        wall_time_s=training.wall_time_s,
        started_from=training.started_from,
    )


def lines_of(method: str, ranking: Ranking) -> list[Line]:
    """The four categories together, then one by one."""
    parts = [(ALL, ranking)] + [(group, ranking.within(group)) for group in np.unique(ranking.groups).tolist()]
    return [Line(method, group, {name: bootstrap(*part.metric(name)) for name in METRICS}) for group, part in parts]


def gain_of(question: str, method: tuple[str, Ranking], other: tuple[str, Ranking]) -> Gain:
    """Paired: both rankings are of the same copies in the same order."""
    figures = {}
    for name in METRICS:
        values, owners = method[1].metric(name)
        theirs, _ = other[1].metric(name)
        figures[name] = bootstrap(values - theirs, owners)
    return Gain(question, method[0], other[0], figures)


def by_edit(
    edits: Sequence[Sequence[str]], owners: npt.NDArray[np.str_], answers: Mapping[str, npt.ArrayLike]
) -> list[EditLine]:
    """A line for each kind of edit, the most frequent first; a copy with two edits counts under both.

    `owners` (N,): the garment that each copy is of, drawn with all of its copies that have the edit; `answers`: named
    values (N,).
    """
    kinds = sorted({edit for each in edits for edit in each})
    lines = []
    for kind in kinds:
        rows = np.array([kind in each for each in edits])
        figures = {name: bootstrap(np.asarray(values)[rows], owners[rows]) for name, values in answers.items()}
        lines.append(EditLine(kind, len(np.unique(owners[rows])), int(rows.sum()), figures))
    return sorted(lines, key=lambda line: (-line.copies, line.edit))


def _part(recipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Empty where the recipe has no such part."""
    part = recipe.get(name)
    return part if isinstance(part, Mapping) else {}
