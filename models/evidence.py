"""Judged comparisons: what calibration learns from, whether made by the data engine or decided by moderators."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue, ModelFileError
from models.taxonomy import REGION_COUNT

CANDIDATES = 40
"""Garments that are weighed for a query: the best by S, among which a copy is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """P comparisons of a query with a catalogue garment, best candidates of each query first.

    `query` int (P,): which query a row belongs to; `group` str (P,): the query's weight group; `copied` bool (P,): the
    query's original is registered; `original` bool (P,): the row is that original; `altered` bool (P, 5): regions known
    to be altered (only meaningful where `original`); `cosines`, `shifts` float32 (P, 5), NaN where not compared;
    `colours` float32 (P,): the colour change common to all regions (ΔE);
    `ours`, `theirs` float32 (P, 5): backgrounds of the query's and of the catalogue's regions; `absent` bool (P, 5):
    the region is absent on exactly one side.
    """

    query: npt.NDArray[np.int32]
    group: npt.NDArray[np.str_]
    copied: npt.NDArray[np.bool_]
    original: npt.NDArray[np.bool_]
    altered: npt.NDArray[np.bool_]
    cosines: npt.NDArray[np.float32]
    shifts: npt.NDArray[np.float32]
    colours: npt.NDArray[np.float32]
    ours: npt.NDArray[np.float32]
    theirs: npt.NDArray[np.float32]
    absent: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.query)
        for name in ("group", "copied", "original", "colours"):
            if getattr(self, name).shape != (rows,):
                raise InvalidValue(f"{name} needs one value a comparison")
        for name in ("altered", "cosines", "shifts", "ours", "theirs", "absent"):
            if getattr(self, name).shape != (rows, REGION_COUNT):
                raise InvalidValue(f"{name} needs five values a comparison")

    def where(self, chosen: npt.NDArray[np.bool_]) -> Evidence:
        """The comparisons where `chosen` bool (P,) holds."""
        return Evidence(**{column.name: getattr(self, column.name)[chosen] for column in fields(self)})


def save_evidence(evidence: Evidence, path: Path) -> None:
    np.savez_compressed(path, **{field.name: getattr(evidence, field.name) for field in fields(Evidence)})


def load_evidence(path: Path) -> Evidence:
    """Raises ModelFileError where the file is none of ours; nothing in it is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return Evidence(**{field.name: content[field.name] for field in fields(Evidence)})
    except (OSError, KeyError, ValueError) as error:
        raise ModelFileError(f"{path}: {error}") from error
