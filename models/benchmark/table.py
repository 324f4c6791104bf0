"""Lines of the report: each method on each weight group, and what one method gains on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    """How copies with one kind of edit were answered."""

    edit: str
    copies: int
    figures: Mapping[str, Figure]


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

    `answers` are named values (N,) of the N copies.
    """
    kinds = sorted({edit for each in edits for edit in each})
    lines = []
    for kind in kinds:
        rows = np.array([kind in each for each in edits])
        figures = {name: bootstrap(np.asarray(values)[rows], owners[rows]) for name, values in answers.items()}
        lines.append(EditLine(kind, int(rows.sum()), figures))
    return sorted(lines, key=lambda line: (-line.copies, line.edit))
