"""Garment photos on disk as `shared/data` has them: one drawn, or a few real ones taken from it."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2

from models.geometry import Box
from models.training.data.garment_picture import GarmentPicture
from models.training.data.readers import Fold, GarmentPhoto


def garment_at(folder: Path, name: str, picture: GarmentPicture) -> GarmentPhoto:
    """The picture and its mask written to `folder`."""
    photo, mask = folder / f"{name}.png", folder / f"{name}.mask.png"
    cv2.imwrite(str(photo), cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(mask), picture.mask * 255)
    category = picture.landmarks.category
    return GarmentPhoto(
        photo.name, photo, mask, picture.width, picture.height, Box.around(picture.landmarks.points_xy), "validation",
        Fold.VALIDATION, "somebody", "", category.value, category, "front", True, "", "", "", "", "",
    )  # fmt: skip


def take_from(root: Path, folder: Path, training: int, validation: int, street: int, blanks: int) -> Path:
    """A data root with so many of `root`'s photos, linked, not copied; the first that can be originals."""
    garments = folder / "garments"
    garments.mkdir(parents=True)
    for part in ("photos", "masks"):
        (garments / part).symlink_to(root / "garments" / part)
    with (root / "garments" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    masks = {path.stem for path in (root / "garments" / "masks").glob("*.png")}
    usable = [row for row in rows if row["ok"] == "1" and row["view"] == "front" and Path(row["photo"]).stem in masks]
    kept = [
        row
        for split, count in (("train", training), ("validation", validation))
        for row in [one for one in usable if one["split"] == split][:count]
    ]
    with (root / "garments" / "pairs.csv").open(newline="") as stream:
        pairs = [row for row in csv.DictReader(stream) if row["verdict"] == "similar"]
    looked = {row["photo"]: row for row in rows if row["split"] == "validation"}
    alike = next(pair for pair in pairs if pair["a"] in looked and pair["b"] in looked)
    kept += [looked[alike[side]] for side in ("a", "b") if looked[alike[side]] not in kept]
    _write(garments / "labels.csv", kept)
    _write(garments / "pairs.csv", [alike])
    _link_street(root, folder, street)
    (folder / "stores").mkdir()
    (folder / "stores" / "polymer").symlink_to(root / "stores" / "polymer")
    with (root / "stores" / "polymer.csv").open(newline="") as stream:
        _write(folder / "stores" / "polymer.csv", list(csv.DictReader(stream))[:blanks])
    return folder


def _link_street(root: Path, folder: Path, count: int) -> None:
    labels = folder / "coparsing" / "labels"
    labels.mkdir(parents=True)
    (folder / "coparsing" / "photos").symlink_to(root / "coparsing" / "photos")
    for path in sorted((root / "coparsing" / "labels").glob("*.png"))[:count]:
        (labels / path.name).symlink_to(path)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
