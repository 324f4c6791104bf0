"""Whether the vectors that an engine keeps are those of the record: row by row, label by label, and by searching."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from index.catalogue import Catalogue
from index.labels import Exclusions
from index.shared_live import KeptVectors
from index.types import Query
from index.vectors import Designs
from index.verification import SAMPLES, Finding
from models.taxonomy import REGION_COUNT
from models.types import RegionEmbeddings
from models.weighting import RegionWeights

_NEAR_ITSELF = 0.999


def verify_kept(
    catalogue: Catalogue, vectors: KeptVectors, models_version: str, tick: Callable[[], None] = lambda: None
) -> list[Finding]:
    """What was compared. Reads all of both; what is written meanwhile reads as a difference."""
    moment = vectors.reached()
    sequence = garments = agreeing = 0
    random = np.random.default_rng(0)
    samples = Designs.joined([])
    for read_at, designs in catalogue.designs(models_version):
        sequence = read_at
        garments += len(designs)
        if len(designs):
            agreeing += int(_agree(designs, vectors.fetch(designs.garment_ids)).sum())
            samples = _some_of([samples, designs] if len(samples) else [designs], random)
        tick()
    visible = samples.where(samples.masks != 0)
    found = sum(_finds_itself(vectors, visible, row, models_version) for row in range(len(visible)))
    if garments == 0:
        sequence = 0 if moment is None else moment.sequence  # nothing is held of a record without garments
    return [
        Finding("change that the vectors go up to", f"{sequence:,}", f"{0 if moment is None else moment.sequence:,}"),
        Finding("garments, counted by the engine", f"{garments:,}", f"{vectors.counted():,}"),
        Finding("garments whose vector and labels are the record's", f"{garments:,}", f"{agreeing:,}"),
        Finding("garments of a sample that find themselves", str(len(visible)), str(found)),
    ]


def _some_of(parts: list[Designs], random: np.random.Generator) -> Designs:
    """A few of all of them."""
    designs = Designs.joined(parts)
    chosen = np.zeros(len(designs), dtype=np.bool_)
    chosen[random.permutation(len(designs))[:SAMPLES]] = True
    return designs.where(chosen)


def _agree(ours: Designs, theirs: Designs) -> npt.NDArray[np.bool_]:
    """bool (n,): those of ours that are among theirs, to the last bit."""
    agreeing = np.zeros(len(ours), dtype=np.bool_)
    if not len(theirs):
        return agreeing
    places = {garment: row for row, garment in enumerate(theirs.garment_ids.tolist())}
    rows = np.array([places.get(garment, -1) for garment in ours.garment_ids.tolist()])
    there = rows >= 0
    same = (ours.masks[there] == theirs.masks[rows[there]]) & (ours.vectors[there] == theirs.vectors[rows[there]]).all(
        axis=(1, 2)
    )
    for name, column in ours.labels.columns().items():
        same &= column[there] == theirs.labels.columns()[name][rows[there]]
    agreeing[there] = same
    return agreeing


def _finds_itself(vectors: KeptVectors, samples: Designs, row: int, models_version: str) -> bool:
    """Or one that is as near: the same photo may be two items'."""
    seen = RegionEmbeddings(samples.vectors[row], np.zeros((REGION_COUNT, 3), dtype=np.float32))
    query = Query(seen, seen, RegionWeights.equal(), models_version, least_weight=0.0)
    everything = Exclusions(tenant_key=int(samples.labels.tenant_keys[row]), now=np.iinfo(np.int64).max)
    near = vectors.nearest(query, everything, 200)
    return int(samples.garment_ids[row]) in near.garment_ids or bool(len(near) and near.scores[-1] > _NEAR_ITSELF)
