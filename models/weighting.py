"""Region weights λ of each weight group: how much collar, chest, waist and sleeves say about who copied whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue, ModelFileError
from models.taxonomy import REGION_COUNT, REGIONS, RegionName, WeightGroup

NEGLIGIBLE = 1e-12
"""A weight below this share of the largest counts as zero."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionWeights:
    """Five weights, float64 (5,) in the order of `REGIONS`, none negative, summing to 1."""

    values: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        if values.shape != (REGION_COUNT,) or not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
            raise InvalidValue("region weights are five finite numbers >= 0, not all zero")
        # Shares that would drown in rounding are none at all.
        values = np.where(values < NEGLIGIBLE * values.max(), 0.0, values)
        # Weights that were kept and read back stay as they are: dividing again would move their last digits.
        if abs(values.sum() - 1) > NEGLIGIBLE:
            # Dividing by the largest first keeps sums of huge weights finite.
            values = values / values.max()
            values = values / values.sum()
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @staticmethod
    def equal() -> RegionWeights:
        return RegionWeights(np.ones(REGION_COUNT))

    def overridden(self, changes: Mapping[RegionName, float]) -> RegionWeights:
        """These weights with some replaced, then normalised again; regions left out keep their value."""
        return RegionWeights(np.array([changes.get(name, self.values[name.row]) for name in REGIONS]))

    def as_dict(self) -> dict[RegionName, float]:
        return {name: float(self.values[name.row]) for name in REGIONS}


@dataclass(frozen=True, slots=True)
class WeightTable:
    """The region weights of every group under one version."""

    version: str
    groups: Mapping[WeightGroup, RegionWeights]

    def of(self, group: WeightGroup) -> RegionWeights:
        return self.groups[group]


def read_weight_table(path: Path) -> WeightTable:
    """Read `region_weights.json`. Raises ModelFileError where a group or region is missing or a number is wrong."""
    try:
        content = json.loads(path.read_text())
        groups = {
            group: RegionWeights(np.array([float(content["groups"][group.value][name.value]) for name in REGIONS]))
            for group in WeightGroup
        }
        return WeightTable(str(content["version"]), groups)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: {error}") from error


def write_weight_table(table: WeightTable, source: str, path: Path) -> None:
    """Write what `read_weight_table` reads; `source` tells people where the numbers come from."""
    groups = {
        group.value: {name.value: round(weight, 4) for name, weight in table.of(group).as_dict().items()}
        for group in WeightGroup
    }
    path.write_text(json.dumps({"version": table.version, "source": source, "groups": groups}, indent=1) + "\n")
