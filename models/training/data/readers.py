"""The photos and labels of `shared/data` as frozen records: garments, store photos, street photos, judged pairs.

Contributors and products are put into folds by hashes written down here, so every training and every benchmark agrees
on what it may see. Source: `shared/data/README.md`.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from models.geometry import Box
from models.taxonomy import Category

CALIBRATION_SALT = "selvedge calibration"
CALIBRATION_SHARE = 0.15
STORE_SALT = "selvedge stores"
STREET_SALT = "selvedge coparsing"
STREET_VALIDATION_SHARE = 0.15
STORES = ("luma", "madison", "polymer", "prestashop", "saleor")
LUMA_TROUSERS = ("mp", "wp")
SIDES = ("x1", "y1", "x2", "y2")
SAME_DESIGN = ("same", "colourway", "same_back")
"""Verdicts of judged pairs that show one design."""


class Fold(StrEnum):
    """What a garment photo may be used for; by contributor, but for gold-only photos, whose contributors may recur.

    `CALIBRATION` is held out of every model's training so that thresholds and probabilities are fitted on strangers;
    `VALIDATION` is to choose and report; `GOLD_ONLY` measures landmarks and nothing else.
    """

    TRAIN = "train"
    CALIBRATION = "calibration"
    VALIDATION = "validation"
    GOLD_ONLY = "gold_only"


@dataclass(frozen=True, slots=True)
class GarmentPhoto:
    """A phone photo of one garment. Without a mask, `mask_path` and `box` (photo pixels, from the mask) are None.

    `category` is None where nobody labelled the photo or DeepFashion2 has no such category (`df2` keeps the word);
    `ok` says that a shape may be learnt from it. Attributes nobody read are empty strings.
    """

    photo: str
    path: Path
    mask_path: Path | None
    width: int
    height: int
    box: Box | None
    split: str
    fold: Fold
    contributor: str
    label: str
    df2: str
    category: Category | None
    view: str
    ok: bool
    sleeve: str
    neck: str
    pattern: str
    closure: str
    length: str


@dataclass(frozen=True, slots=True)
class StorePhoto:
    """A product photo of a store; `fold` (0 or 1) is that of its product, `colour` and `view` empty where unknown."""

    store: str
    product: str
    photo: str
    path: Path
    kind: str
    colour: str
    view: str
    title: str
    fold: int

    @property
    def is_top(self) -> bool:
        return self.kind != "pants" and not (self.store == "luma" and self.product.startswith(LUMA_TROUSERS))


@dataclass(frozen=True, slots=True)
class StreetPhoto:
    """A street photo with a class for each pixel: `label_path` is a PNG of indices into `street_classes`."""

    photo: str
    path: Path
    label_path: Path
    fold: Fold


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two garment photos compared by eye; `verdict` is similar, different, colourway, same or same_back."""

    a: str
    b: str
    verdict: str


def data_root(given: Path | None = None) -> Path:
    """The folder of the photos: `given`, else GARMENT_DATA, else `../shared/data` beside the checkout."""
    if given is not None:
        return given
    beside = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    return Path(os.environ.get("GARMENT_DATA", beside))


def fold_of(split: str, contributor: str) -> Fold:
    """The fold of a contributor's photos; about 15 % of the training contributors are set aside for calibration."""
    if split == "train" and hash_share(CALIBRATION_SALT, contributor) < CALIBRATION_SHARE:
        return Fold.CALIBRATION
    return Fold(split)


def product_fold(store: str, product: str) -> int:
    """0 or 1; a model that reports on one fold of the stores was trained on the other at most."""
    return int(hash_share(STORE_SALT, f"{store}/{product}") >= 0.5)


def hash_share(salt: str, key: str) -> float:
    """A number in 0..1 that only the words decide: the first 32 bits of SHA-256 of `salt:key`."""
    return int(hashlib.sha256(f"{salt}:{key}".encode()).hexdigest()[:8], 16) / 2**32


def read_garments(root: Path) -> list[GarmentPhoto]:
    """All 3,420 garment photos in the order of `labels.csv`."""
    folder = root / "garments"
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*.png"))}
    return [_garment(row, folder, masks) for row in _rows(folder / "labels.csv")]


def read_pairs(root: Path) -> list[JudgedPair]:
    return [JudgedPair(row["a"], row["b"], row["verdict"]) for row in _rows(root / "garments" / "pairs.csv")]


def read_same_designs(root: Path) -> frozenset[frozenset[str]]:
    """Pairs of photos that show one design: neither is a stranger to the other.

    Those of `pairs.csv`, and those judged by eye on sheets of the most alike garments (`same_designs.csv` beside this
    file: the same garment from behind, or another colourway of it).
    """
    ours = [
        JudgedPair(row["a"], row["b"], row["verdict"]) for row in _rows(Path(__file__).with_name("same_designs.csv"))
    ]
    return frozenset(frozenset((pair.a, pair.b)) for pair in (*read_pairs(root), *ours) if pair.verdict in SAME_DESIGN)


def correct_boxes(garments: Iterable[GarmentPhoto]) -> list[GarmentPhoto]:
    """The same garments with the boxes of `corrected_boxes.csv` beside this file in the place of their masks'.

    All 529 validation masks that the detector is measured on were looked at, their detections unseen: 48 hold only a
    print or a collar, lack a sleeve or lie turned. Their boxes were placed by eye, percent of width and height.
    """
    with Path(__file__).with_name("corrected_boxes.csv").open(newline="") as stream:
        placed = {row["photo"]: [float(row[side]) for side in SIDES] for row in csv.DictReader(stream)}
    return [replace(one, box=_placed(one, placed[one.photo])) if one.photo in placed else one for one in garments]


def read_stores(root: Path, stores: tuple[str, ...] = STORES) -> list[StorePhoto]:
    """All photos of the stores, Luma's trousers included (`is_top` tells)."""
    return [
        StorePhoto(
            store=store,
            product=row["product"],
            photo=row["photo"],
            path=root / "stores" / store / row["photo"],
            kind=row["kind"],
            colour=row.get("colour", ""),
            view=row.get("view", ""),
            title=row.get("title", ""),
            fold=product_fold(store, row["product"]),
        )
        for store in stores
        for row in _rows(root / "stores" / f"{store}.csv")
    ]


def read_street(root: Path) -> list[StreetPhoto]:
    """The co-parsing photos that have labels; validation is 15 % by a hash of the photo's name."""
    labels = sorted((root / "coparsing" / "labels").glob("*.png"))
    return [
        StreetPhoto(
            photo=f"{label.stem}.jpg",
            path=root / "coparsing" / "photos" / f"{label.stem}.jpg",
            label_path=label,
            fold=Fold.VALIDATION if hash_share(STREET_SALT, label.stem) < STREET_VALIDATION_SHARE else Fold.TRAIN,
        )
        for label in labels
    ]


def street_classes(root: Path) -> tuple[str, ...]:
    """Class names in the order of the label values."""
    return tuple((root / "coparsing" / "classes.txt").read_text().split())


def _placed(garment: GarmentPhoto, percent: list[float]) -> Box:
    x1, y1, x2, y2 = (
        side * share / 100 for side, share in zip((garment.width, garment.height) * 2, percent, strict=True)
    )
    return Box(x1, y1, x2, y2)


def _garment(row: dict[str, str], folder: Path, masks: dict[str, Path]) -> GarmentPhoto:
    sides = [row[name] for name in SIDES]
    return GarmentPhoto(
        photo=row["photo"],
        path=folder / "photos" / row["photo"],
        mask_path=masks.get(Path(row["photo"]).stem),
        width=int(row["width"]),
        height=int(row["height"]),
        box=Box(*map(float, sides)) if all(sides) else None,
        split=row["split"],
        fold=fold_of(row["split"], row["sender"]),
        contributor=row["sender"],
        label=row["label"],
        df2=row["df2"],
        category=Category(row["df2"]) if row["df2"] in set(Category) else None,
        view=row["view"],
        ok=row["ok"] == "1",
        sleeve=row["sleeve"],
        neck=row["neck"],
        pattern=row["pattern"],
        closure=row["closure"],
        length=row["length"],
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as stream:
        yield from csv.DictReader(stream)
