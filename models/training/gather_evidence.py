"""Judged comparisons from made copies: copies with their original registered, and photos whose original is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from models.evidence import Evidence
from models.preprocessing import ImageLimits, decode
from models.regions import absent_once
from models.scoring import colour_shifts, region_cosines, weighted_score
from models.taxonomy import REGIONS
from models.training.data.copies import Copy, Original, copy_maker, read_originals
from models.training.data.readers import Fold
from models.types import DescribedGarment, DescribedPhoto, Image, RegionEmbeddings
from models.weighting import RegionWeights

Describe = Callable[[Image], DescribedPhoto]
CANDIDATES = 10
"""Rows kept a query: the best by equal weights, and the original wherever it ranks."""


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    query: int
    group: str
    copied: bool
    original: bool
    altered: list[bool]
    cosines: np.ndarray
    shifts: np.ndarray
    absent: list[bool]


def gather_evidence(describe: Describe, root: Path, labels: Path, fold: Fold, seeds: Sequence[int]) -> Evidence:
    """Compare copies (one a seed) and unregistered photos of `fold` with its originals and all training photos.

    Garments that the detector does not find bring no rows: the benchmark counts them, thresholds cannot.
    """
    originals = read_originals(root, labels, fold)
    maker = copy_maker(root, labels)
    gallery = _describe_all(describe, [*originals, *read_originals(root, labels, Fold.TRAIN)])
    rows: list[_Row] = []
    number = 0
    for original in track(originals, "comparing"):
        copies = [maker.copy(original, seed) for seed in seeds]
        for copy in [copy for copy in copies if copy is not None]:
            garment = largest_garment(describe(decode(copy.jpeg(), ImageLimits())))
            if garment is None:
                continue
            rows += compare_with(number, garment, gallery, copy, registered=True)
            rows += compare_with(number + 1, garment, gallery, copy, registered=False)
            number += 2
        untouched = gallery.get(original.garment.photo)
        if untouched is not None:
            rows += compare_with(number, untouched, gallery, _uncopied(original), registered=False)
            number += 1
    return _as_evidence(rows)


def largest_garment(photo: DescribedPhoto) -> DescribedGarment | None:
    return max(photo.garments, key=lambda garment: garment.detection.box.area, default=None)


def _describe_all(describe: Describe, originals: Sequence[Original]) -> dict[str, DescribedGarment]:
    """Photo name → its largest garment."""
    described = {}
    for original in track(originals, "describing the gallery"):
        garment = largest_garment(describe(decode(original.garment.path.read_bytes(), ImageLimits())))
        if garment is not None:
            described[original.garment.photo] = garment
    return described


def compare_with(
    number: int, query: DescribedGarment, gallery: dict[str, DescribedGarment], copy: Copy, *, registered: bool
) -> list[_Row]:
    """The best candidates; with `registered` False the original is taken out of the gallery first."""
    scored = []
    for name, item in gallery.items():
        if name != copy.original or registered:
            scored.append((*_best_orientation(query, item), name))
    scored.sort(key=lambda entry: -entry[0])
    kept = [entry for rank, entry in enumerate(scored) if rank < CANDIDATES or entry[2] == copy.original]
    return [
        _Row(
            query=number,
            group=query.detection.category.group.value,
            copied=registered,
            original=name == copy.original,
            altered=[region in copy.altered for region in REGIONS],
            cosines=region_cosines(as_seen, gallery[name].embeddings),
            shifts=colour_shifts(as_seen, gallery[name].embeddings),
            absent=[
                absent_once(query.region(region.mirrored if as_seen is query.mirrored else region), item)
                for region, item in zip(REGIONS, gallery[name].regions, strict=True)
            ],
        )
        for _, as_seen, name in kept
    ]


def _best_orientation(query: DescribedGarment, item: DescribedGarment) -> tuple[float, RegionEmbeddings]:
    weights = RegionWeights.equal()
    scores = [
        (weighted_score(region_cosines(as_seen, item.embeddings), weights), as_seen)
        for as_seen in (query.embeddings, query.mirrored)
    ]
    return max(scores, key=lambda pair: pair[0])


def _uncopied(original: Original) -> Copy:
    return Copy(original.garment.photo, original.pixels(), (), (), flipped=False, recoloured=False)


def _as_evidence(rows: Sequence[_Row]) -> Evidence:
    return Evidence(
        query=np.array([row.query for row in rows], dtype=np.int32),
        group=np.array([row.group for row in rows], dtype=np.str_),
        copied=np.array([row.copied for row in rows], dtype=np.bool_),
        original=np.array([row.original for row in rows], dtype=np.bool_),
        altered=np.array([row.altered for row in rows], dtype=np.bool_).reshape(-1, len(REGIONS)),
        cosines=np.array([row.cosines for row in rows], dtype=np.float32).reshape(-1, len(REGIONS)),
        shifts=np.array([row.shifts for row in rows], dtype=np.float32).reshape(-1, len(REGIONS)),
        absent=np.array([row.absent for row in rows], dtype=np.bool_).reshape(-1, len(REGIONS)),
    )
