"""Garments decoded once: square crops, masks and landmarks on disk, read back without decoding.

A crop is the square that serving would cut, with a wider margin so that boxes can still be jittered.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.geometry import Affine, Box
from models.preprocessing import ImageLimits, crop_square, cut_square, decode
from models.regions import garment_outline
from models.taxonomy import Category, slots_of
from models.training.data.garment_picture import GarmentPicture, Mask, Pixels, fill_polygon
from models.training.data.outlines import read_mask
from models.training.data.readers import SAME_DESIGN, Fold, GarmentPhoto, JudgedPair, read_garments
from models.training.data.street_garments import read_street_garments
from models.types import Landmarks

SHELF_SIDE = 344
"""Serving's crop of 288 px and the wider margin around it."""
SHELF_MARGIN = 0.1
"""Added on each side beyond the margin of serving's own crop, as a share of the box."""
LEAST_OVERLAP = 0.6
"""Least intersection over union of mask and landmark outline: below it one of the two is wrong."""

ENTRIES = "shelved.json"
LABELLED = "labels.sha256"
"""Beside the entries: a hash of the labels that they were shelved with."""


@dataclass(frozen=True, slots=True, eq=False)
class ShelvedGarment:
    """A garment ready to render. `box` is the tight box, like the landmarks in pixels of the shelf's square."""

    photo: str
    fold: Fold
    picture: GarmentPicture
    box: Box


class GarmentShelf:
    """The garments of a folder written by `fill_shelf`, in a fixed order; pixels stay on disk until asked for."""

    def __init__(self, folder: Path) -> None:
        self._entries: list[dict[str, Any]] = json.loads((folder / ENTRIES).read_text())
        self._pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        self._masks = np.load(folder / "masks.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> ShelvedGarment:
        entry = self._entries[number]
        points = np.array(entry["points"], dtype=np.float32)
        marks = Landmarks(
            Category(entry["category"]), points[:, :2], np.ones(len(points), np.float32), points[:, 2] > 0
        )
        picture = GarmentPicture(np.array(self._pixels[number]), np.array(self._masks[number]), marks)
        return ShelvedGarment(entry["photo"], Fold(entry["fold"]), picture, Box(*entry["box"]))

    def digest(self) -> str:
        """16 hexadecimal digits that are others where a garment, its landmarks or their order is another."""
        return _digest(json.dumps(entry, sort_keys=True) for entry in self._entries)[:16]

    def numbers(self, fold: Fold, share: float = 1.0) -> list[int]:
        """The garments of a fold, or about `share` of them, chosen by their photos' names: a smaller share is part of
        a larger one."""
        return [
            number
            for number, entry in enumerate(self._entries)
            if entry["fold"] == fold and crc32(entry["photo"].encode()) < share * 2**32
        ]

    def categories(self) -> list[Category]:
        return [Category(entry["category"]) for entry in self._entries]

    def colours(self) -> npt.NDArray[np.float32]:
        """Mean CIELAB of each garment, float32 (N, 3): neighbours in it are the hard strangers."""
        return np.array([entry["colour"] for entry in self._entries], dtype=np.float32)

    def contributors(self) -> list[str]:
        """Who photographed each garment; a street photo is its own."""
        return [entry["contributor"] for entry in self._entries]

    def designs(self, pairs: Iterable[JudgedPair]) -> list[int]:
        """A number for each garment, equal where a pair was judged to show one design."""
        place = {entry["photo"]: number for number, entry in enumerate(self._entries)}
        design = list(range(len(self._entries)))
        for pair in pairs:
            if pair.verdict in SAME_DESIGN and pair.a in place and pair.b in place:
                old, new = design[place[pair.a]], design[place[pair.b]]
                design = [new if number == old else number for number in design]
        return design

    def look_alikes(self, pairs: Iterable[JudgedPair]) -> dict[int, list[int]]:
        """Garments judged alike but not the same: each other's hard strangers."""
        place = {entry["photo"]: number for number, entry in enumerate(self._entries)}
        found: dict[int, list[int]] = {}
        for pair in pairs:
            if pair.verdict not in SAME_DESIGN and pair.a in place and pair.b in place:
                found.setdefault(place[pair.a], []).append(place[pair.b])
                found.setdefault(place[pair.b], []).append(place[pair.a])
        return found


def open_shelf(
    work: Path,
    root: Path,
    more: Sequence[GarmentPhoto] = (),
    more_labels: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> GarmentShelf:
    """The shelf in `work`, filled with what `complete` and `street` left there and `more`: when first asked for, and
    again when they left something else.

    With other garments beside our own it is another shelf, `shelf-` and eight digits of their names: they lie side by
    side, and what needs only our own garments never sees those. Raises FileNotFoundError where they did not run.
    """
    folder = work / (f"shelf-{_digest(garment.photo for garment in more)[:8]}" if more else "shelf")
    there, files = (folder / ENTRIES).exists(), (work / "complete.jsonl", work / "street" / "labels.jsonl")
    if there and not all(file.exists() for file in files):
        return GarmentShelf(folder)
    labelled = _hash_of(files, more_labels)
    if not (there and (folder / LABELLED).exists() and (folder / LABELLED).read_text() == labelled):
        entries = [json.loads(line) for line in files[0].read_text().splitlines()]
        worn, worn_labels = read_street_garments(root, work / "street")
        labels = {entry["photo"]: entry for entry in entries} | worn_labels | dict(more_labels)
        fill_shelf(folder, [*read_garments(root), *worn, *more], labels, labelled)
    return GarmentShelf(folder)


def fill_shelf(
    folder: Path, garments: Iterable[GarmentPhoto], labels: Mapping[str, Mapping[str, Any]], labelled: str = ""
) -> int:
    """Decode the garments of the training and calibration folds that have landmarks and a mask agreeing with them.

    `labels`: photo → `category`, `points` (slots, 3: x, y, weight) and `box`, in photo pixels; `labelled` is noted
    beside, to tell whether they are still those. Returns how many.
    `folder` is replaced and appears whole or not at all; what a stopped run left beside it is cleared by the next.
    """
    wanted = [g for g in garments if g.fold in (Fold.TRAIN, Fold.CALIBRATION) and g.photo in labels and g.mask_path]
    kept = [one for g in track(wanted, "decoding garments") if (one := _shelve(g, labels[g.photo])) is not None]
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "pixels.npy", np.stack([pixels for _, pixels, _ in kept]))
    np.save(partial / "masks.npy", np.stack([mask for _, _, mask in kept]))
    (partial / ENTRIES).write_text(json.dumps([entry for entry, _, _ in kept]))
    (partial / LABELLED).write_text(labelled)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return len(kept)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _hash_of(files: Iterable[Path], more_labels: Mapping[str, Mapping[str, Any]]) -> str:
    told = {name: dict(label) for name, label in more_labels.items()}
    return _digest([*(file.read_text() for file in files), json.dumps(told, sort_keys=True, default=str)])


def _shelve(garment: GarmentPhoto, label: Mapping[str, Any]) -> tuple[dict[str, Any], Pixels, Mask] | None:
    assert garment.mask_path is not None
    pixels = decode(garment.path.read_bytes(), ImageLimits()).pixels
    mask = read_mask(garment.mask_path)
    category = Category(label["category"])
    points = np.array(label["points"], dtype=np.float32)
    if category.is_bottom or len(points) != len(slots_of(category)):
        return None
    marks = Landmarks(category, points[:, :2], np.ones(len(points), np.float32), points[:, 2] > 0)
    outline = fill_polygon(mask.shape, garment_outline(marks))
    if (mask & outline).sum() < LEAST_OVERLAP * (mask | outline).sum():
        return None
    square = crop_square(Box(*label["box"])).grown(SHELF_MARGIN)
    to_shelf = Affine.between(square, Box(0, 0, SHELF_SIDE, SHELF_SIDE))
    crop = cut_square(pixels, square, SHELF_SIDE)
    crop_mask = (cut_square(np.repeat(mask[..., None] * np.uint8(255), 3, 2), square, SHELF_SIDE)[..., 0] > 127) & (
        _inside(square, garment.width, garment.height)
    )
    placed = np.column_stack([to_shelf.apply(points[:, :2]), points[:, 2]])
    colour = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[crop_mask].mean(axis=0)
    entry = {
        "photo": garment.photo,
        "fold": garment.fold.value,
        "contributor": garment.contributor,
        "category": category.value,
        "points": placed.round(2).tolist(),
        "box": to_shelf.apply_to_box(Box(*label["box"])).as_array().tolist(),
        "colour": colour.round(2).tolist(),
    }
    return entry, crop, crop_mask.astype(np.uint8)


def _inside(square: Box, width: int, height: int) -> npt.NDArray[np.bool_]:
    """Where the shelf's square lies inside the photo, bool (side, side): grey padding is no garment."""
    step = square.width / SHELF_SIDE
    x = square.x1 + (np.arange(SHELF_SIDE) + 0.5) * step
    y = square.y1 + (np.arange(SHELF_SIDE) + 0.5) * step
    return np.asarray(((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None])
