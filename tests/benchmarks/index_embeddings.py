"""Embeddings of real photos, and as many more as are wanted: each a real garment mixed with another, and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from index.labels import NOT_DISABLED, Labels, tenant_key
from index.types import DEFAULT_TENANT, Query
from index.vectors import Designs
from models.preprocessing import ImageLimits, decode
from models.runtime.shipped import open_describer
from models.taxonomy import REGION_COUNT
from models.training.data.readers import data_root, read_garments
from models.types import RegionEmbeddings
from models.weighting import RegionWeights
from service.settings import WEIGHTS_DIR

PHOTOS = 300
KEPT_IN = Path("var/benchmarks/real-garments.npz")
BATCH_ROWS = 20_000
SHARE_OF_ANOTHER = 0.6
NOISE = 0.3
PUBLISHED = 1_000_000
"""Publications are spread evenly over as many microseconds, so that a filter keeps any share that is wanted."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RealGarments:
    """`vectors` and `mirrored` float32 (n, 5, D); `categories` uint8 (n,), `df2_id`."""

    models_version: str
    vectors: Floats
    mirrored: Floats
    categories: npt.NDArray[np.uint8]


def read_real_garments() -> RealGarments:
    """The largest garment of each of the first photos that show one; described once and kept in `var/`."""
    describer = open_describer(WEIGHTS_DIR)
    if KEPT_IN.is_file():
        with np.load(KEPT_IN, allow_pickle=False) as held:
            if str(held["version"]) == describer.models_version:
                return RealGarments(str(held["version"]), held["vectors"], held["mirrored"], held["categories"])
    paths = [garment.path for garment in read_garments(data_root()) if garment.ok][:PHOTOS]
    described = [describer.describe(decode(path.read_bytes(), ImageLimits())) for path in track(paths, "describing")]
    garments = [photo.garments[0] for photo in described if photo.garments]
    real = RealGarments(
        describer.models_version,
        np.array([garment.embeddings.vectors for garment in garments]),
        np.array([garment.mirrored.vectors for garment in garments]),
        np.array([garment.detection.category.df2_id for garment in garments], dtype=np.uint8),
    )
    KEPT_IN.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        KEPT_IN,
        allow_pickle=False,
        version=np.array(real.models_version),
        vectors=real.vectors,
        mirrored=real.mirrored,
        categories=real.categories,
    )
    return real


def grow(real: RealGarments, count: int, seed: int = 0, first: int = 1) -> Iterator[Designs]:
    """Garments `first`.. in batches, one an item, of a hundred sellers; regions that a real one lacks stay missing."""
    random = np.random.default_rng(seed)
    for start in range(0, count, BATCH_ROWS):
        rows = min(BATCH_ROWS, count - start)
        bases = random.integers(len(real.vectors), size=rows)
        vectors = perturbed(real.vectors[bases], real.vectors[random.integers(len(real.vectors), size=rows)], random)
        numbers = np.arange(first + start, first + start + rows, dtype=np.int64)
        labels = Labels(
            garment_ids=numbers,
            item_numbers=numbers.copy(),
            tenant_keys=np.full(rows, tenant_key(DEFAULT_TENANT), dtype=np.int64),
            seller_keys=random.integers(1, 101, size=rows),
            categories=real.categories[bases],
            published=random.integers(0, PUBLISHED, size=rows),
            disabled_until=np.full(rows, NOT_DISABLED, dtype=np.int64),
        )
        visible = np.abs(vectors).sum(axis=2) > 0
        masks = (visible * (1 << np.arange(REGION_COUNT))).sum(axis=1).astype(np.uint8)
        yield Designs(labels, masks, vectors)


def perturbed(vectors: Floats, others: Floats, random: np.random.Generator, noise: float = NOISE) -> Floats:
    """float32 (n, 5, D): unit rows near `vectors`, zero where those are."""
    visible = np.abs(vectors).sum(axis=2, keepdims=True) > 0
    strength = random.uniform(0, SHARE_OF_ANOTHER, size=(len(vectors), REGION_COUNT, 1)).astype(np.float32)
    scale = np.float32(noise / np.sqrt(vectors.shape[2]))
    moved = vectors + strength * others + scale * random.standard_normal(vectors.shape, dtype=np.float32)
    moved *= visible
    lengths = np.linalg.norm(moved, axis=2, keepdims=True)
    return np.asarray(moved / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def make_queries(real: RealGarments, count: int, weights: RegionWeights, both: bool, seed: int = 1) -> list[Query]:
    """New photos of real garments, one or two regions of each altered; without `both` as seen only, not mirrored."""
    random = np.random.default_rng(seed)
    chosen = random.integers(len(real.vectors), size=count)
    others = real.vectors[random.integers(len(real.vectors), size=count)]
    queries = []
    for n, base in enumerate(chosen):
        seen = real.vectors[base].copy()
        for region in random.permutation(REGION_COUNT)[: 1 + n % 2]:
            seen[region] = others[n, region] if np.abs(seen[region]).sum() > 0 else 0
        seen = perturbed(seen[None], others[n][None], random, noise=0.2)[0]
        flipped = real.mirrored[base] if both else np.zeros_like(seen)
        no_colours = np.zeros((REGION_COUNT, 3), dtype=np.float32)
        sides = (RegionEmbeddings(seen, no_colours), RegionEmbeddings(flipped, no_colours))
        queries.append(Query(*sides, weights, real.models_version))
    return queries
