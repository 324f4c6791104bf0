"""A catalogue grown from few photos by perturbation, written straight into the record before a service starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from index.catalogue import Catalogue
from index.photos import PhotoFiles
from index.types import ItemDetails, NewPhoto
from models.types import DescribedGarment, DescribedPhoto, RegionEmbeddings

NOISE = 0.04
"""Standard deviation of what each number of a vector is moved by; a unit vector of 128 then turns by about 24°."""


def fill(data_dir: Path, photos: Sequence[tuple[DescribedPhoto, bytes]], items: int) -> None:
    """`items` items, `item-0` and on, each with one of the photos and its first garment, moved a little.

    They share the photos' bytes, which checks compare pixel by pixel with what is asked.
    """
    rng = np.random.default_rng(0)
    files = PhotoFiles(data_dir / "photos")
    for photo, data in photos:
        with files.stored(photo.sha256, data):
            pass
    catalogue = Catalogue(f"sqlite:///{data_dir / 'catalogue.sqlite'}")
    for number in track(range(items), "filling the catalogue", console=Console(stderr=True)):
        photo = photos[number % len(photos)][0]
        catalogue.add(
            NewPhoto(
                item_id=f"item-{number}",
                details=ItemDetails(title=f"Item {number}"),
                sha256=photo.sha256,
                width=photo.width,
                height=photo.height,
                models_version=photo.models_version,
                garments=(_moved(photo.garments[0], rng),),
                design=0,
            )
        )
    catalogue.close()


def _moved(garment: DescribedGarment, rng: np.random.Generator) -> DescribedGarment:
    vectors = garment.embeddings.vectors
    moved = vectors + (np.abs(vectors).sum(axis=1, keepdims=True) > 0) * rng.normal(0, NOISE, vectors.shape)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = np.divide(moved, lengths, out=np.zeros_like(moved), where=lengths > 0)
    return replace(garment, embeddings=RegionEmbeddings(unit.astype(np.float32), garment.embeddings.colours))
