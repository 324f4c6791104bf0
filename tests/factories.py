"""Random but valid values, the same for the same seed. Embeddings agree with the regions that are visible."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from index.labels import NEVER, NOT_DISABLED, Labels, tenant_key
from index.types import DEFAULT_TENANT, Filters, ItemDetails, NewPhoto, Query
from index.vectors import Designs
from models.geometry import Box
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT, REGIONS, Category, RegionName, slots_of
from models.types import (
    DescribedGarment,
    DescribedPhoto,
    Detection,
    Landmarks,
    MissingReason,
    Region,
    RegionEmbeddings,
)
from models.weighting import RegionWeights

MODELS_VERSION = "models-of-the-tests"
ALL_VISIBLE = 31
SLEEVELESS = 7
DIMENSION = 128


def make_embeddings(seed: int, mask: int = ALL_VISIBLE, dimension: int = DIMENSION) -> RegionEmbeddings:
    """Unit rows where `mask` has a bit, zero rows elsewhere."""
    random = np.random.default_rng([seed, 1])
    vectors = random.normal(size=(REGION_COUNT, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    colours = random.uniform([20, -60, -60], [90, 60, 60], size=(REGION_COUNT, 3))
    visible = mask_bits(mask)[:, None]
    return RegionEmbeddings(vectors * visible, colours * visible)


def alter_regions(
    embeddings: RegionEmbeddings, regions: Iterable[RegionName], seed: int, noise: float = 0.0
) -> RegionEmbeddings:
    """These embeddings with some visible regions replaced, and `noise` (a length) added to every visible one."""
    random = np.random.default_rng([seed, 2])
    vectors = embeddings.vectors.astype(np.float64)
    for region in regions:
        vectors[region.row] = random.normal(size=embeddings.dimension)
    vectors += random.normal(size=vectors.shape) * noise / np.sqrt(embeddings.dimension)
    vectors[~embeddings.visible] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return RegionEmbeddings(vectors / np.where(lengths > 0, lengths, 1), embeddings.colours)


def make_garment(
    seed: int,
    category: Category = Category.SHORT_SLEEVE_TOP,
    mask: int = ALL_VISIBLE,
    embeddings: RegionEmbeddings | None = None,
    mirrored: RegionEmbeddings | None = None,
    dimension: int = DIMENSION,
) -> DescribedGarment:
    """A described garment; without `mirrored` the flipped crop looks like another garment with swapped sleeves."""
    random = np.random.default_rng([seed, 3])
    seen = make_embeddings(seed, mask, dimension) if embeddings is None else embeddings
    flipped = make_embeddings(seed + 1_000_003, seen.mask, seen.dimension).mirrored_rows()
    x, y = random.uniform(0, 100, size=2)
    width, height = random.uniform(200, 600, size=2)
    box = Box(float(x), float(y), float(x + width), float(y + height))
    return DescribedGarment(
        Detection(box, category, float(random.uniform(0.5, 1))),
        make_landmarks(seed, category, box),
        tuple(
            Region(name, box.grown(-0.1 - 0.01 * name.row))
            if visible
            else Region(name, None, list(MissingReason)[int(random.integers(3))])
            for name, visible in zip(REGIONS, seen.visible, strict=True)
        ),
        seen,
        flipped if mirrored is None else mirrored,
        random.bytes(32),
        random.bytes(32),
    )


def make_landmarks(seed: int, category: Category, box: Box) -> Landmarks:
    """Landmarks anywhere inside the box, most of them visible."""
    random = np.random.default_rng([seed, 4])
    count = len(slots_of(category))
    points = random.uniform([box.x1, box.y1], [box.x2, box.y2], size=(count, 2)).astype(np.float32)
    confidence = random.uniform(0, 1, size=count).astype(np.float32)
    return Landmarks(category, points, confidence, confidence > 0.2)


def make_photo_bytes(seed: int) -> bytes:
    """Bytes that stand for a photo; the index never decodes them."""
    return f"photo {seed}".encode() * 40


def make_new_photo(
    seed: int,
    item_id: str | None = None,
    garments: tuple[DescribedGarment, ...] | None = None,
    design: int = 0,
    details: ItemDetails | None = None,
    replace: bool = False,
    models_version: str = MODELS_VERSION,
    photo_seed: int | None = None,
    tenant: str = DEFAULT_TENANT,
    **garment: Any,
) -> NewPhoto:
    """A photo of item `SKU-<seed>` with one garment; its bytes are `make_photo_bytes(photo_seed or seed)`."""
    data = make_photo_bytes(seed if photo_seed is None else photo_seed)
    return NewPhoto(
        item_id=f"SKU-{seed}" if item_id is None else item_id,
        details=ItemDetails() if details is None else details,
        sha256=hashlib.sha256(data).hexdigest(),
        width=800,
        height=1000,
        models_version=models_version,
        garments=(make_garment(seed, **garment),) if garments is None else garments,
        design=design,
        replace=replace,
        tenant=tenant,
    )


def make_described_photo(seed: int, garments: tuple[DescribedGarment, ...] | None = None) -> DescribedPhoto:
    """What the models would say of `make_photo_bytes(seed)`."""
    sha256 = hashlib.sha256(make_photo_bytes(seed)).hexdigest()
    seen = (make_garment(seed),) if garments is None else garments
    return DescribedPhoto(sha256, 800, 1000, MODELS_VERSION, seen, {"detect": 1.0})


def make_weights(seed: int) -> RegionWeights:
    """Weights anywhere between equal and one region deciding alone, some of them zero."""
    random = np.random.default_rng([seed, 5])
    values = random.uniform(0, 1, size=REGION_COUNT) ** random.uniform(0, 8)
    values[random.uniform(size=REGION_COUNT) < 0.2] = 0
    return RegionWeights(values if values.sum() > 0 else np.ones(REGION_COUNT))


def make_query(garment: DescribedGarment, weights: RegionWeights | None = None, **changes: Any) -> Query:
    """The query that a check of this garment makes; `changes` are other fields of `Query`."""
    fields: dict[str, Any] = {"models_version": MODELS_VERSION, "filters": Filters(), **changes}
    return Query(garment.embeddings, garment.mirrored, RegionWeights.equal() if weights is None else weights, **fields)


def make_designs(
    seed: int, count: int, masks: Iterable[int] = (ALL_VISIBLE,), dimension: int = 16, **labels: Any
) -> Designs:
    """Searched garments 1..count, one an item, their masks taken in turn; `labels` are other columns of theirs."""
    chosen = list(masks)
    seen = [make_embeddings(seed * 100_000 + row, chosen[row % len(chosen)], dimension) for row in range(count)]
    numbers = np.arange(1, count + 1)
    columns = {
        "garment_ids": numbers,
        "item_numbers": numbers.copy(),
        "tenant_keys": np.full(count, tenant_key(DEFAULT_TENANT)),
        "seller_keys": numbers % 7,
        "categories": (numbers % 13 + 1).astype(np.uint8),
        "published": np.full(count, NEVER),
        "disabled_until": np.full(count, NOT_DISABLED),
    }
    return Designs(
        Labels(**(columns | labels)),
        np.array([embeddings.mask for embeddings in seen], dtype=np.uint8),
        np.array([embeddings.vectors for embeddings in seen]).reshape(count, REGION_COUNT, dimension),
    )
