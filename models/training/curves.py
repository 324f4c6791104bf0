"""The curves that say what moves a figure: the whole design learnt of fewer garments, shorter, smaller, less of it.

Each point is a manifest that `ablation` wrote with one option changed; figures are of the calibration fold, so that
validation is not looked at to choose a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelFileError
from models.manifest import Manifest, read_manifest
from models.taxonomy import REGIONS
from models.training.embedder.ablation import Point

AXES = {
    "share": "share of the training garments",
    "epochs": "epochs",
    "dimension": "numbers a region",
    "frozen_stages": "of the trunk's 17 stages that stay as they were",
}
"""The fields of `Point`, each a curve."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """One run: where it lies on the curves, and what it came to on the calibration fold, all 0..1. `first`: the share
    of copies whose original comes first, `garments` were copied; `parted`: the mean over regions of the chance that an
    unaltered one agrees better than an altered one. `beside`: what else of the recipe decides it, by dotted names."""

    point: Point
    parted: float
    first: float
    garments: int
    wall_time_s: float
    beside: Mapping[str, Any]

    @property
    def margin(self) -> float:
        """Half of the 95 % interval of `first`, as if the copies of one garment were found or missed together."""
        return float(1.96 * np.sqrt(self.first * (1 - self.first) / self.garments))

    def differs_beside(self, other: Learnt) -> list[str]:
        """What both recipes name and tell differently, besides where they lie on the curves."""
        both = self.beside.keys() & other.beside.keys()
        return sorted(name for name in both if self.beside[name] != other.beside[name])


def learnt_of(manifest: Manifest) -> Learnt:
    """Raises ModelFileError where the manifest is none of an ablation."""
    recipe, quality = manifest.training.recipe, manifest.quality
    try:
        return Learnt(
            point=Point.of(recipe),
            parted=float(np.mean([quality[f"calibration_{name.value}_auc"] for name in REGIONS])),
            first=quality["calibration_top1"],
            # Older manifests tell of copies alone, two of each garment.
            garments=int(quality.get("calibration_garments", quality["calibration_queries"] / 2)),
            wall_time_s=manifest.training.wall_time_s,
            beside=_beside(recipe) | {"started from": manifest.training.started_from},
        )
    except KeyError as error:
        raise ModelFileError(f"{manifest.name} {manifest.version}: no ablation, {error} is missing") from error


def _beside(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that decide what is learnt and are no axis."""
    parts = {
        f"{part}.{name}": value
        for part in ("design", "plan", "margins")
        for name, value in recipe.get(part, {}).items()
    }
    return {name: value for name, value in parts.items() if name.partition(".")[2] not in AXES}


def read_points(folder: Path) -> list[Learnt]:
    """Every `embedder.json` under `folder`, in the order of their paths. Raises ModelFileError where there is none."""
    files = sorted(folder.rglob("embedder.json"))
    if not files:
        raise ModelFileError(f"{folder} holds no embedder.json: `ablation --out {folder}/NAME` writes them")
    return [learnt_of(read_manifest(file)) for file in files]


def curve(base: Learnt, points: Sequence[Learnt], axis: str) -> list[Learnt]:
    """The base and the points that differ from it in `axis` alone, from the least to the most.

    Raises ModelFileError where a point differs in what is no axis: it is of another curve.
    """
    for one in points:
        if other := base.differs_beside(one):
            raise ModelFileError(f"{one.point} is no point beside {base.point}: {', '.join(other)} differ")

    def place(one: Learnt) -> float:
        return float(getattr(one.point, axis))

    alike = [one for one in points if replace(base.point, **{axis: getattr(one.point, axis)}) == one.point]
    return sorted({place(one): one for one in [*alike, base]}.values(), key=place)


def markdown(base: Learnt, points: Sequence[Learnt]) -> str:
    """A line a point, curve after curve."""
    rows = [
        "| what changes | value | regions parted (mean AUC) | original first | wall time |",
        "|---|---|---|---|---|",
    ]
    for axis, words in AXES.items():
        line = curve(base, points, axis)
        rows += [
            f"| {words} | {getattr(one.point, axis):g} | {one.parted:.3f} | {one.first:.3f} ± {one.margin:.3f} "
            f"| {one.wall_time_s / 60:.0f} min |"
            for one in line
            if len(line) > 1
        ]
    return "\n".join(rows)


def draw(base: Learnt, points: Sequence[Learnt], out: Path) -> None:
    """A PNG with a panel a curve. Raises ImportError without matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    lines = {axis: line for axis in AXES if len(line := curve(base, points, axis)) > 1}
    figure, panels = plt.subplots(
        1, max(1, len(lines)), figsize=(4 * max(1, len(lines)), 3.4), layout="constrained", sharey=True, squeeze=False
    )
    for panel, (axis, line) in zip(panels[0], lines.items(), strict=False):
        places = [getattr(one.point, axis) for one in line]
        panel.plot(places, [one.parted for one in line], "o-", label="regions parted (mean AUC)")
        panel.errorbar(
            places,
            [one.first for one in line],
            yerr=[one.margin for one in line],
            fmt="s--",
            capsize=3,
            label="original first",
        )
        panel.set(xlabel=AXES[axis], xticks=places)
        panel.grid(alpha=0.3)
    panels[0][0].legend(fontsize=8)
    figure.suptitle(f"calibration fold, from {base.beside['started from']}", size=10)
    figure.savefig(out, dpi=110)
    plt.close(figure)
