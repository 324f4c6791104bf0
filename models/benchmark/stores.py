"""Stores: does the front find another colourway, and the back view, of the same product among all tops?

The embedder was trained on no store product, so the two folds that the data set asks for are pooled by construction.
That holds for the embedder only. The detector learnt from photos of both folds (`models/training/detector/scenes.py`):
Luma's main views of 30 products in every colour, all of Polymer and all of Saleor, 161 of the 334 tops; the landmark
network from 30 fronts of Luma, placed by hand. Neither saw Madison, PrestaShop or a back view of Luma. So these figures
say how well the embedder knows products that it never saw, not how well the whole line does in a shop new to it.

Back views are asked for twice: among the back views of all items, which is the gallery in which plain ImageNet features
reach the 0.46 that the bar was set by (0.45 to 0.48 measured here), and among all photos, fronts of strangers included,
where those features reach 0.11 to 0.18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.preprocessing import ImageLimits, decode
from models.scoring import Likeness, colour_distance, region_cosines, seen_mirrored, weighted_score
from models.training.data.readers import StorePhoto, read_stores
from models.types import DescribedGarment, DescribedPhoto, Image
from models.weighting import RegionWeights

FRONTS = ("main", "front", "1")
Describe = Callable[[Image], DescribedPhoto]
Seen = tuple[StorePhoto, DescribedGarment | None]
PLAIN = Likeness(0.0, 0.0, 0.0)
GRID = [
    Likeness(cost, most, bonus)
    for cost in (0.0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.012)
    for most in (15.0, 25.0, 40.0)
    for bonus in (0.0, 0.03, 0.06)
]
LEAST_COLOURWAYS = 0.9
"""Colourways found beyond this are worth no back view."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each front view, and which photos of other products stand in the way."""

    words: str
    bar: str
    is_wanted: Callable[[StorePhoto, StorePhoto], bool]
    in_gallery: Callable[[StorePhoto], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Front views (rows) against all photos: S, colour distance, whether both are of one group."""

    scores: npt.NDArray[np.float64]
    distances: npt.NDArray[np.float64]
    groups: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What came back for one question, a front view each: whether it was found by likeness and by S alone, and whose
    it is."""

    question: Question
    found: tuple[bool, ...]
    by_score: tuple[bool, ...]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoresReport:
    """`chosen`: what likeness is made of for each fold, chosen on the other; `shipped`: chosen on both; `lost` of
    `photos` show no upper garment: asked with, they count as misses."""

    answers: tuple[StoreAnswer, ...]
    chosen: tuple[Likeness, Likeness]
    shipped: Likeness
    lost: int
    photos: int


def ask_stores(describe: Describe, root: Path) -> StoresReport:
    """Top-1 by likeness, as `POST /search` ranks."""
    photos = [photo for photo in read_stores(root) if photo.is_top]
    seen: list[Seen] = [
        (photo, _upper_garment(describe(decode(photo.path.read_bytes(), ImageLimits()))))
        for photo in track(photos, "stores")
    ]
    pairs = compare_all(seen)
    chosen = choose_likeness(seen, pairs, 1), choose_likeness(seen, pairs, 0)
    answers = []
    for question in QUESTIONS:
        found = [top_1(seen, pairs, chosen[fold], question, fold) for fold in (0, 1)]
        plain = [top_1(seen, pairs, PLAIN, question, fold) for fold in (0, 1)]
        products = [product for part in found for product, _ in part]
        answers.append(StoreAnswer(question, _hits(found), _hits(plain), tuple(products)))
    lost = sum(garment is None for _, garment in seen)
    return StoresReport(tuple(answers), chosen, choose_likeness(seen, pairs, None), lost, len(photos))


def compare_all(seen: list[Seen]) -> Pairs:
    """Every front view against every photo; what was not found resembles nothing."""
    count = len(seen)
    scores, distances, groups = np.full((count, count), -1.0), np.full((count, count), np.nan), np.zeros((count, count))
    for row, (photo, garment) in enumerate(track(seen, "comparing")):
        if photo.view not in FRONTS or garment is None:
            continue
        for column, (_, other) in enumerate(seen):
            if other is None:
                continue
            both = (garment.embeddings, garment.mirrored)
            of = [weighted_score(region_cosines(one, other.embeddings), RegionWeights.equal()) for one in both]
            best = int(seen_mirrored(*of))
            scores[row, column] = of[best]
            distances[row, column] = colour_distance(both[best], other.embeddings)
            groups[row, column] = garment.detection.category.group is other.detection.category.group
    return Pairs(scores, distances, groups)


def choose_likeness(seen: list[Seen], pairs: Pairs, fold: int | None) -> Likeness:
    """The settings that find most backs while other colourways are still found; of one fold, or of both."""

    def found(likeness: Likeness, question: Question) -> float:
        return float(np.mean([*(hit for _, hit in top_1(seen, pairs, likeness, question, fold)), 0.0]))

    def worth(likeness: Likeness) -> float:
        return found(likeness, QUESTIONS[1]) + min(found(likeness, QUESTIONS[0]), LEAST_COLOURWAYS)

    return max(GRID, key=worth)


def top_1(
    seen: list[Seen], pairs: Pairs, likeness: Likeness, question: Question, fold: int | None
) -> list[tuple[str, bool]]:
    """For each front view of a fold that has a wanted photo of its product: whose it is, and is one of those the
    best?"""
    charged = np.minimum(np.where(np.isnan(pairs.distances), np.inf, pairs.distances), likeness.most_colour)
    alike = pairs.scores - likeness.colour_cost * charged + likeness.group_bonus * pairs.groups
    hits = []
    for row, (photo, garment) in enumerate(seen):
        if photo.view not in FRONTS or (fold is not None and photo.fold != fold):
            continue
        own = np.array([_product(other) == _product(photo) for other, _ in seen])
        wanted = own & np.array([question.is_wanted(photo, other) for other, _ in seen])
        gallery = ~own & np.array([question.in_gallery(other) for other, _ in seen])
        if wanted.any():
            hit = garment is not None and bool(alike[row, wanted].max() > alike[row, gallery].max())
            hits.append((" ".join(_product(photo)), hit))
    return hits


def _hits(parts: list[list[tuple[str, bool]]]) -> tuple[bool, ...]:
    return tuple(hit for part in parts for _, hit in part)


def _is_other_colourway(own: StorePhoto, other: StorePhoto) -> bool:
    return other.view in FRONTS and other.colour != own.colour


def _is_back(_own: StorePhoto, other: StorePhoto) -> bool:
    return other.view == "back"


def _is_a_back(other: StorePhoto) -> bool:
    return other.view == "back"


def _is_any(_other: StorePhoto) -> bool:
    return True


QUESTIONS = (
    Question("another colourway from the front, among all items, top-1", "≥ 0.93", _is_other_colourway, _is_any),
    Question("the back view from the front, among the backs of all items, top-1", "≥ 0.60", _is_back, _is_a_back),
    Question("the back view from the front, among all photos of all other items, top-1", "≥ 0.60", _is_back, _is_any),
)


def _product(photo: StorePhoto) -> tuple[str, str]:
    return photo.store, photo.product


def _upper_garment(photo: DescribedPhoto) -> DescribedGarment | None:
    """The largest garment that is no bottom: these products are tops, worn with trousers."""
    upper = [g for g in photo.garments if not g.detection.category.is_bottom]
    return max(upper, key=lambda g: g.detection.box.area, default=None)
