"""What an embedder says of kept photos, and the score of many queries against many garments at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.benchmark.sightings import Sighting, read_sighted
from models.manifest import TrainingRecord
from models.runtime.describe import Embedder
from models.scoring import UPRIGHT_PREFERENCE
from models.taxonomy import REGION_COUNT

Floats = npt.NDArray[np.float64]
_Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
BATCH = 16
"""Garments a run of the embedder; as many rows again are their flipped crops."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """An embedder under the name of its row in the report; `digest` of its file keys what is kept; `training` as its
    manifest tells it."""

    name: str
    digest: str
    embedder: Embedder
    training: TrainingRecord


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """N garments: `vectors` float32 (N, 2, 5, D), as seen and flipped; `colours` float32 (N, 2, 5, 3), CIELAB;
    `owners`, `groups` str (N,): whose photo, and the detector's weight group; `largest` bool (N,): of its photo;
    `photos` int (N,): number of the photo.

    A photo in which no garment was found keeps one row with zero vectors and an empty group.
    """

    vectors: npt.NDArray[np.float32]
    colours: npt.NDArray[np.float32]
    owners: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]
    largest: npt.NDArray[np.bool_]
    photos: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.owners)

    def where(self, chosen: npt.NDArray[Any]) -> Embedded:
        """The rows that a mask (N,) or row numbers choose."""
        return Embedded(*(getattr(self, field.name)[chosen] for field in fields(self)))


def embed_once(paths: Sequence[Path], network: Network, folder: Path, words: str) -> Embedded:
    """Read what `folder` keeps of these photos and this embedder, or embed and keep it.

    Paths are a `Studio`'s, `seen-…/photos/x.npz`; the first part counts too: it names the detector and the landmark
    network, and with others of them the same photo gives other crops.
    """
    told = "\n".join("/".join(path.parts[-3:]) for path in paths)
    kept = folder / network.digest / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as content:
            return Embedded(*(content[field.name] for field in fields(Embedded)))
    made = embed(paths, network.embedder, words)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".partial.npz")
    columns: dict[str, Any] = {field.name: getattr(made, field.name) for field in fields(Embedded)}
    np.savez(partial, allow_pickle=False, **columns)
    partial.replace(kept)
    return made


def embed(paths: Sequence[Path], embedder: Embedder, words: str) -> Embedded:
    """Every garment of files that `look_once` left, in runs of `BATCH`."""
    rows: list[tuple[str, str, bool, int]] = []
    seen: dict[int, _Pair] = {}
    waiting: list[tuple[int, Sighting]] = []
    for number, path in enumerate(track(paths, words, disable=not paths)):
        photo = read_sighted(path)
        for place, sighting in enumerate(photo.sightings):
            waiting.append((len(rows), sighting))
            rows.append((photo.owner, sighting.garment.detection.category.group.value, place == 0, number))
        if not photo.sightings:
            rows.append((photo.owner, "", True, number))
        while len(waiting) >= BATCH:
            seen |= _run(embedder, waiting[:BATCH])
            waiting = waiting[BATCH:]
    seen |= _run(embedder, waiting)
    dimension = next((vectors.shape[2] for vectors, _ in seen.values()), 1)
    blank = np.zeros((2, REGION_COUNT, dimension), np.float32), np.zeros((2, REGION_COUNT, 3), np.float32)
    pairs = [seen.get(row, blank) for row in range(len(rows))]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Embedded(
        np.array([vectors for vectors, _ in pairs], np.float32).reshape(-1, 2, REGION_COUNT, dimension),
        np.array([colours for _, colours in pairs], np.float32).reshape(-1, 2, REGION_COUNT, 3),
        np.array(columns[0], dtype=np.str_),
        np.array(columns[1], dtype=np.str_),
        np.array(columns[2], dtype=np.bool_),
        np.array(columns[3], dtype=np.int64),
    )


def _run(embedder: Embedder, waiting: Sequence[tuple[int, Sighting]]) -> dict[int, _Pair]:
    """Row → vectors and colours, as seen and flipped."""
    parts = [sighting for _, sighting in waiting]
    answered = embedder.embed(
        [part.garment for part in parts], [part.landmarks for part in parts], [part.regions for part in parts]
    )
    return {
        row: (np.stack([one.vectors for one in both]), np.stack([one.colours for one in both]))
        for (row, _), both in zip(waiting, answered, strict=True)
    }


def score_all(queries: Embedded, gallery: Embedded, weights: Floats, least_weight: float) -> npt.NDArray[np.float32]:
    """S of every query against every gallery garment, float32 (Q, G), each in its better orientation as in serving.

    `weights` (Q, 5), each row summing to 1. -1 where regions visible on both sides carry less than `least_weight`.
    """
    shown_GR = _shown(gallery.vectors[:, 0])
    best = np.full((len(queries), len(gallery)), -1.0, dtype=np.float32)
    for way in (0, 1):
        rows_QRD = queries.vectors[:, way]
        shares_QR = (weights * _shown(rows_QRD)).astype(np.float32)
        summed_QG = np.zeros_like(best)
        for region in range(REGION_COUNT):
            summed_QG += (shares_QR[:, region, None] * rows_QRD[:, region]) @ gallery.vectors[:, 0, region].T
        total_QG = shares_QR @ shown_GR.T.astype(np.float32)
        compared_QG = (total_QG > 0) & (total_QG >= least_weight - 1e-6)
        scores_QG = np.where(compared_QG, summed_QG / np.maximum(total_QG, 1e-9), np.float32(-1))
        best = scores_QG if way == 0 else np.where(scores_QG > best + UPRIGHT_PREFERENCE, scores_QG, best)
    return np.asarray(best, dtype=np.float32)


def joined(*parts: Embedded) -> Embedded:
    """One gallery of several; the numbers of photos are those of the parts and no longer tell them apart."""
    return Embedded(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Embedded)))


def pooled(embedded: Embedded) -> Embedded:
    """One vector a garment, the mean of its regions, in the place of all five."""
    mean = embedded.vectors.sum(axis=2, keepdims=True)
    length = np.linalg.norm(mean, axis=3, keepdims=True)
    return _with(embedded, np.repeat(mean / np.maximum(length, np.float32(1e-9)), REGION_COUNT, axis=2))


def ensemble(members: Sequence[Embedded]) -> Embedded:
    """The same garments seen by several networks: a region's cosine is the mean of the members' cosines."""
    rows = np.concatenate([member.vectors for member in members], axis=3) / np.float32(np.sqrt(len(members)))
    return _with(members[0], rows)


def _with(embedded: Embedded, vectors: npt.NDArray[np.floating]) -> Embedded:
    return Embedded(
        np.asarray(vectors, dtype=np.float32),
        embedded.colours,
        embedded.owners,
        embedded.groups,
        embedded.largest,
        embedded.photos,
    )


def _shown(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """bool (N, 5): the regions that have a vector."""
    return np.asarray(np.abs(rows).max(axis=2, initial=0) > 0)
