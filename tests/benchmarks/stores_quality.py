"""Stores: does the front find another colourway, and the back view, of the same product among all tops?

The embedder was trained on no store product, so the two folds that the data set asks for are pooled by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.progress import track

from models.preprocessing import ImageLimits, decode
from models.scoring import region_cosines, weighted_score
from models.training.data.readers import StorePhoto, read_stores
from models.types import DescribedGarment, DescribedPhoto, Image
from models.weighting import RegionWeights
from tests.benchmarks.tables import Report, share

FRONTS = ("main", "front", "1")
Describe = Callable[[Image], DescribedPhoto]
Seen = tuple[StorePhoto, DescribedGarment | None]


def measure(describe: Describe, root: Path) -> Report:
    """Top-1 by the same-garment score (equal weights); every other product's photos, all views, stand in the way."""
    photos = [photo for photo in read_stores(root) if photo.is_top]
    seen: list[Seen] = [
        (photo, _upper_garment(describe(decode(photo.path.read_bytes(), ImageLimits()))))
        for photo in track(photos, "stores")
    ]
    report = Report("Stores, tops, both folds pooled (the embedder saw no store photo)")
    hits = _top_1(seen, _is_other_colourway)
    report.add("another colourway from the front, among all items, top-1", "≥ 0.85", share(hits), len(hits))
    hits = _top_1(seen, _is_back)
    report.add("the back view from the front, among all items, top-1", "≥ 0.45", share(hits), len(hits))
    lost = sum(garment is None for _, garment in seen)
    report.notes.append(f"{lost} of {len(photos)} photos: no upper garment found; asked with, they count as misses")
    return report


def _is_other_colourway(own: StorePhoto, other: StorePhoto) -> bool:
    return other.view in FRONTS and other.colour != own.colour


def _is_back(own: StorePhoto, other: StorePhoto) -> bool:
    return other.view == "back"


def _top_1(seen: list[Seen], is_wanted: Callable[[StorePhoto, StorePhoto], bool]) -> list[bool]:
    """For each front view that has a wanted photo of its product: is one of those the best of wanted and strangers?"""
    hits = []
    for photo, garment in seen:
        if photo.view not in FRONTS:
            continue
        product = [(p, g) for p, g in seen if _product(p) == _product(photo) and is_wanted(photo, p)]
        if not product:
            continue
        wanted = [_score(garment, g) for _, g in product]
        strangers = [_score(garment, g) for p, g in seen if _product(p) != _product(photo)]
        hits.append(garment is not None and max(wanted) > max(strangers))
    return hits


def _product(photo: StorePhoto) -> tuple[str, str]:
    return photo.store, photo.product


def _upper_garment(photo: DescribedPhoto) -> DescribedGarment | None:
    """The largest garment that is no bottom: these products are tops, worn with trousers."""
    upper = [g for g in photo.garments if not g.detection.category.is_bottom]
    return max(upper, key=lambda g: g.detection.box.area, default=None)


def _score(query: DescribedGarment | None, item: DescribedGarment | None) -> float:
    """The better of both orientations of the query; what was not found resembles nothing."""
    if query is None or item is None:
        return -1.0
    weights = RegionWeights.equal()
    orientations = (query.embeddings, query.mirrored)
    return max(weighted_score(region_cosines(as_seen, item.embeddings), weights) for as_seen in orientations)
