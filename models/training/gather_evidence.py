"""Judged comparisons from made copies: copies with their original registered, and photos whose original is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.background import Cohort
from models.evidence import CANDIDATES, Evidence
from models.preprocessing import ImageLimits, decode
from models.regions import absent_once
from models.scoring import UPRIGHT_PREFERENCE, colour_shifts, common_colour_change, region_cosines
from models.taxonomy import REGIONS
from models.training.data.copies import Copy, Original
from models.types import DescribedGarment, DescribedPhoto, Image, RegionEmbeddings
from models.weighting import WeightTable

Describe = Callable[[Image], DescribedPhoto]


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Registered garments by photo name, with their rows stacked: `vectors` float32 (G, 5, D)."""

    names: tuple[str, ...]
    garments: tuple[DescribedGarment, ...]
    vectors: npt.NDArray[np.float32]

    @staticmethod
    def of(garments: Mapping[str, DescribedGarment]) -> Gallery:
        vectors = np.stack([garment.embeddings.vectors for garment in garments.values()])
        return Gallery(tuple(garments), tuple(garments.values()), vectors)

    def scores(
        self, query: RegionEmbeddings, weights: npt.NDArray[np.float64], least_weight: float
    ) -> npt.NDArray[np.float64]:
        """S against every garment, float64 (G,); -inf where less than `least_weight` or nothing is compared."""
        compared_GR = query.visible & (np.abs(self.vectors).sum(axis=2) > 0)
        shares_GR = compared_GR * weights
        total_G = shares_GR.sum(axis=1)
        summed_G = (np.einsum("rd,grd->gr", query.vectors, self.vectors) * shares_GR).sum(axis=1)
        enough_G = (total_G > 0) & (total_G >= least_weight - 1e-9)
        return np.asarray(np.where(enough_G, summed_G / np.maximum(total_G, 1e-9), -np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    query: int
    group: str
    copied: bool
    original: bool
    altered: list[bool]
    cosines: npt.NDArray[np.float32]
    shifts: npt.NDArray[np.float32]
    colour: float
    ours: npt.NDArray[np.float32]
    theirs: npt.NDArray[np.float32]
    absent: list[bool]


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Compares queries with a gallery as the service would: `weights` rank, `cohort` gives backgrounds, garments whose
    regions visible on both sides carry less than `least_weight` (0..1) are no candidates.

    `same` holds pairs of photos that show one design: neither is a stranger to the other.
    """

    gallery: Gallery
    weights: WeightTable
    cohort: Cohort
    same: frozenset[frozenset[str]]
    least_weight: float

    def of(self, number: int, query: DescribedGarment, copy: Copy, *, registered: bool) -> list[_Row]:
        """The best candidates, and the original wherever it ranks; with `registered` False that is taken out of the
        gallery first."""
        weights = self.weights.of(query.detection.category.group).values
        upright, flipped = (
            self.gallery.scores(seen, weights, self.least_weight) for seen in (query.embeddings, query.mirrored)
        )
        mirrored = flipped > upright + UPRIGHT_PREFERENCE
        scores = np.where(mirrored, flipped, upright)
        for place, name in enumerate(self.gallery.names):
            own = name == copy.original
            if (own and not registered) or (not own and frozenset((name, copy.original)) in self.same):
                scores[place] = -np.inf
        best = np.argsort(-scores, kind="stable")[:CANDIDATES]
        kept = [place for place in best.tolist() if np.isfinite(scores[place])]
        if registered and copy.original in self.gallery.names:
            kept += [self.gallery.names.index(copy.original)]
        return [
            self._row(number, query, place, copy, registered, mirrored=bool(mirrored[place]))
            for place in dict.fromkeys(kept)
        ]

    def _row(
        self, number: int, query: DescribedGarment, place: int, copy: Copy, registered: bool, *, mirrored: bool
    ) -> _Row:
        item = self.gallery.garments[place]
        seen = query.mirrored if mirrored else query.embeddings
        return _Row(
            query=number,
            group=query.detection.category.group.value,
            copied=registered,
            original=self.gallery.names[place] == copy.original,
            altered=[region in copy.altered for region in REGIONS],
            cosines=region_cosines(seen, item.embeddings),
            shifts=colour_shifts(seen, item.embeddings),
            colour=common_colour_change(seen, item.embeddings),
            ours=self.cohort.background(seen),
            theirs=self.cohort.background(item.embeddings),
            absent=[
                absent_once(query.region(region.mirrored if mirrored else region), theirs)
                for region, theirs in zip(REGIONS, item.regions, strict=True)
            ],
        )


def gather_evidence(
    describe: Describe,
    comparisons: Comparisons,
    copy_of: Callable[[Original, int], Copy | None],
    strangers: Sequence[Original],
    untouched: Iterable[str],
    seeds: Sequence[int],
) -> Evidence:
    """Copies of `strangers` (`copy_of` an original and a seed) against the gallery with their original in it, and each
    photo of `untouched` (names of the gallery's) against the gallery without it.

    Garments that the detector does not find bring no rows: the benchmark counts them, thresholds cannot.
    """
    rows: list[_Row] = []
    number = 0
    for original in track(strangers, "comparing copies"):
        for copy in filter(None, (copy_of(original, seed) for seed in seeds)):
            garment = largest_garment(describe(decode(copy.jpeg(), ImageLimits())))
            if garment is not None:
                rows += comparisons.of(number, garment, copy, registered=True)
                number += 1
    garments = dict(zip(comparisons.gallery.names, comparisons.gallery.garments, strict=True))
    for name in track(list(untouched), "comparing untouched photos"):
        rows += comparisons.of(number, garments[name], _uncopied(name), registered=False)
        number += 1
    return _as_evidence(rows)


def largest_garment(photo: DescribedPhoto) -> DescribedGarment | None:
    return max(photo.garments, key=lambda garment: garment.detection.box.area, default=None)


def describe_all(describe: Describe, photos: Mapping[str, Path]) -> dict[str, DescribedGarment]:
    """Photo name → its largest garment; photos without one are left out."""
    described = {}
    for name, path in track(list(photos.items()), "describing the gallery"):
        garment = largest_garment(describe(decode(path.read_bytes(), ImageLimits())))
        if garment is not None:
            described[name] = garment
    return described


def _uncopied(name: str) -> Copy:
    return Copy(name, np.zeros((1, 1, 3), np.uint8), (), (), flipped=False, recoloured=False)


def _as_evidence(rows: Sequence[_Row]) -> Evidence:
    def five(name: str) -> npt.NDArray[np.float32]:
        return np.array([getattr(row, name) for row in rows], dtype=np.float32).reshape(-1, len(REGIONS))

    return Evidence(
        query=np.array([row.query for row in rows], dtype=np.int32),
        group=np.array([row.group for row in rows], dtype=np.str_),
        copied=np.array([row.copied for row in rows], dtype=np.bool_),
        original=np.array([row.original for row in rows], dtype=np.bool_),
        altered=five("altered") > 0,
        cosines=five("cosines"),
        shifts=five("shifts"),
        colours=np.array([row.colour for row in rows], dtype=np.float32),
        ours=five("ours"),
        theirs=five("theirs"),
        absent=five("absent") > 0,
    )
