"""Photos embedded once: rows of the garment that each photo is about, kept in a folder outside git."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.preprocessing import ImageLimits, decode
from models.types import DescribedPhoto, Image

Floats = npt.NDArray[np.float64]
Describe = Callable[[Image], DescribedPhoto]


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo to embed: `owner` names the garment it shows or copies."""

    owner: str
    jpeg: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """N garments: `vectors` float32 (N, 2, 5, D), as seen and flipped; `owners`, `groups` str (N,).

    A photo in which no garment was found keeps its place with zero vectors and an empty group.
    """

    vectors: npt.NDArray[np.float32]
    owners: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.owners)


def embed_once(asked: Iterable[Asked], describe: Describe, path: Path, words: str) -> Embedded:
    """Read `path`, or embed and write it; photos that could not be made are left out. The name must tell all."""
    names = ("vectors", "owners", "groups")
    if path.exists():
        with np.load(path, allow_pickle=False) as content:
            return Embedded(*(content[name] for name in names))
    rows: list[tuple[npt.NDArray[np.float32] | None, str, str]] = []
    for one in track(list(asked), words):
        data = one.jpeg()
        if data is None:
            continue
        garments = describe(decode(data, ImageLimits())).garments
        if not garments:
            rows.append((None, one.owner, ""))
            continue
        garment = max(garments, key=lambda found: found.detection.box.area)
        both = np.stack([garment.embeddings.vectors, garment.mirrored.vectors])
        rows.append((both, one.owner, garment.detection.category.group.value))
    blank = np.zeros_like(next(both for both, *_ in rows if both is not None))
    vectors = np.stack([blank if both is None else both for both, *_ in rows])
    columns = [np.array([row[place] for row in rows], dtype=np.str_) for place in (1, 2)]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    owners, groups = columns
    np.savez(partial, vectors=vectors, owners=owners, groups=groups)
    partial.replace(path)
    return Embedded(vectors, *columns)


def score_all(query: npt.NDArray[np.float32], gallery: Embedded, weights: Floats) -> Floats:
    """S of one query (2, 5, D) against every gallery garment, the better of both ways round; -1 where nothing is
    compared."""
    seen_GR = np.abs(gallery.vectors[:, 0]).sum(axis=2) > 0
    best = np.full(len(gallery), -1.0)
    for rows in query:
        shares_GR = (seen_GR & (np.abs(rows).sum(axis=1) > 0)) * weights
        total_G = shares_GR.sum(axis=1)
        summed_G = (np.einsum("rd,grd->gr", rows, gallery.vectors[:, 0]) * shares_GR).sum(axis=1)
        best = np.maximum(best, np.where(total_G > 0, summed_G / np.maximum(total_G, 1e-9), -1.0))
    return best


def pooled(embedded: Embedded) -> Embedded:
    """One vector a garment, the mean of its regions, in the place of all five."""
    mean = embedded.vectors.sum(axis=2, keepdims=True)
    length = np.linalg.norm(mean, axis=3, keepdims=True)
    return Embedded(np.repeat(mean / np.maximum(length, 1e-9), 5, axis=2), embedded.owners, embedded.groups)
