"""Which garments calibrate the policy: all that no embedder was trained on, among those and the training fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.background import read_cohort
from models.benchmark.made_copies import make_copy
from models.benchmark.sets import CALIBRATION
from models.evidence import Evidence
from models.manifest import file_sha256
from models.runtime.describe import PhotoDescriber
from models.training.data.copies import copy_maker, read_originals, read_unread
from models.training.data.readers import Fold, read_garments, read_same_designs
from models.training.data.unread import is_unread
from models.training.gather_evidence import Comparisons, Gallery, describe_all, gather_evidence
from models.weighting import read_weight_table


def compare_strangers(
    describer: PhotoDescriber, weights: Path, root: Path, work: Path, seeds: Sequence[int], *, least_weight: float
) -> Evidence:
    """Evidence from the calibration fold and the unread garments; `work` holds `complete.jsonl` and `unread.jsonl`.

    Regions are altered as often as `edits.json` says: what region weights are learnt for is what the benchmark asks.
    """
    calibration = read_originals(root, work / "complete.jsonl", Fold.CALIBRATION)
    known = [*calibration, *read_originals(root, work / "complete.jsonl", Fold.TRAIN)]
    unread = {garment.photo: garment.path for garment in read_garments(root) if is_unread(garment)}
    photos = {one.garment.photo: one.garment.path for one in known} | unread
    described = describe_all(describer.describe, photos)
    cohort_file = weights / "cohort.npy"
    comparisons = Comparisons(
        Gallery.of(described),
        read_weight_table(weights / "region_weights.json"),
        read_cohort(cohort_file, file_sha256(cohort_file)),
        read_same_designs(root),
        least_weight,
    )
    maker = copy_maker(root, work / "complete.jsonl")
    untouched = [name for name in (*(one.garment.photo for one in calibration), *unread) if name in described]
    return gather_evidence(
        describer.describe,
        comparisons,
        lambda original, seed: make_copy(maker, original, CALIBRATION, seed),
        [*calibration, *read_unread(root, work / "unread.jsonl")],
        untouched,
        seeds,
    )
