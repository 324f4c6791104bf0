"""What the system sees: Image → Detection → Garment → Landmarks → Region → RegionEmbeddings.

Every value is frozen and checked when made; arrays are read-only copies. Frames: *photo* is the upright photo in its
own pixels, *crop* is the 288×288 garment crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.geometry import Affine, Box, Points
from models.taxonomy import REGION_COUNT, REGIONS, Category, RegionName, slots_of

CROP_SIZE = 288
"""Side of the garment crop in pixels. PS-Net (section 4) takes 224, where knits and prints blur (docs/tried.md)."""


def _frozen(array: npt.ArrayLike, dtype: Any, shape: tuple[int | None, ...], what: str) -> npt.NDArray[Any]:
    copy = np.array(array, dtype=dtype)
    if len(copy.shape) != len(shape) or any(
        want is not None and got != want for got, want in zip(copy.shape, shape, strict=True)
    ):
        raise InvalidValue(f"{what} needs shape {shape}, got {copy.shape}")
    if np.issubdtype(copy.dtype, np.floating) and not np.isfinite(copy).all():
        raise InvalidValue(f"{what} must be finite")
    copy.setflags(write=False)
    return copy


def _never_written(pixels: npt.ArrayLike) -> bool:
    """Whether this is a photo's array already, packed, and read-only down to what it is a view of."""
    if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3):
        return False
    array: object = pixels
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return bool(pixels.flags.c_contiguous)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded, upright photo. `pixels` uint8 (H, W, 3) sRGB; `sha256` of the bytes it was decoded from.

    Pixels that cannot be written are not copied: a photo may take 120 MB.
    """

    pixels: npt.NDArray[np.uint8]
    sha256: str

    def __post_init__(self) -> None:
        kept = self.pixels
        if not _never_written(kept):
            object.__setattr__(self, "pixels", _frozen(kept, np.uint8, (None, None, 3), "pixels"))

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Detection:
    """A garment found in a photo. `box` in photo pixels, `confidence` 0..1."""

    box: Box
    category: Category
    confidence: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise InvalidValue(f"confidence must be in 0..1, got {self.confidence}")


@dataclass(frozen=True, slots=True, eq=False)
class Garment:
    """A garment cut out of its photo. `crop` uint8 (288, 288, 3) sRGB; `to_photo` maps crop to photo pixels."""

    detection: Detection
    crop: npt.NDArray[np.uint8]
    to_photo: Affine

    def __post_init__(self) -> None:
        object.__setattr__(self, "crop", _frozen(self.crop, np.uint8, (CROP_SIZE, CROP_SIZE, 3), "crop"))


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The slots of one category, in the data set's order.

    `points_xy` float32 (n, 2) in photo pixels, `confidence` float32 (n,) 0..1, `visible` bool (n,).
    """

    category: Category
    points_xy: Points
    confidence: npt.NDArray[np.float32]
    visible: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(slots_of(self.category))
        object.__setattr__(self, "points_xy", _frozen(self.points_xy, np.float32, (n, 2), "points_xy"))
        object.__setattr__(self, "confidence", _frozen(self.confidence, np.float32, (n,), "confidence"))
        object.__setattr__(self, "visible", _frozen(self.visible, np.bool_, (n,), "visible"))


class MissingReason(StrEnum):
    """Why a region is not visible; only `ABSENT` (the garment has none) can count as an alteration."""

    ABSENT = "absent"
    OUT_OF_FRAME = "out_of_frame"
    OCCLUDED = "occluded"


@dataclass(frozen=True, slots=True)
class Region:
    """One of the five regions; `box` in photo pixels, None exactly where a `reason` says why it is missing."""

    name: RegionName
    box: Box | None
    reason: MissingReason | None = None

    def __post_init__(self) -> None:
        if (self.box is None) == (self.reason is None):
            raise InvalidValue("a region has a box or a reason for having none")

    @property
    def visible(self) -> bool:
        return self.box is not None


@dataclass(frozen=True, slots=True, eq=False)
class RegionEmbeddings:
    """What the five regions look like; rows in the order of `REGIONS`.

    `vectors` float32 (5, D): unit length, or zero where the region is missing. `colours` float32 (5, 3): median CIELAB
    (L 0..100, a and b about -100..100) of the garment inside the region, zero where missing.
    """

    vectors: npt.NDArray[np.float32]
    colours: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        vectors = _frozen(self.vectors, np.float32, (REGION_COUNT, None), "vectors")
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.logical_or(lengths == 0, np.abs(lengths - 1) < 1e-2).all():
            raise InvalidValue("each region's vector has unit length or is zero")
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "colours", _frozen(self.colours, np.float32, (REGION_COUNT, 3), "colours"))

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """bool (5,)."""
        return np.asarray(self.vectors.any(axis=1))

    @property
    def mask(self) -> int:
        """Visible regions as bits, `REGIONS[0]` the lowest: 0..31. Catalogue items are grouped by it."""
        return int(np.packbits(self.visible, bitorder="little")[0])

    def mirrored_rows(self) -> RegionEmbeddings:
        """The same rows under the names that the regions have in the flipped picture."""
        order = [name.mirrored.row for name in REGIONS]
        return RegionEmbeddings(self.vectors[order], self.colours[order])


@dataclass(frozen=True, slots=True, eq=False)
class DescribedGarment:
    """All that the models say of one garment.

    `mirrored` are the embeddings of the flipped crop (rows named after the flipped picture), so that a flipped copy is
    found; `fingerprint` is the PDQ hash of the crop (32 bytes), `mirrored_fingerprint` that of the flipped crop.
    """

    detection: Detection
    landmarks: Landmarks
    regions: tuple[Region, ...]
    embeddings: RegionEmbeddings
    mirrored: RegionEmbeddings
    fingerprint: bytes
    mirrored_fingerprint: bytes

    def __post_init__(self) -> None:
        if tuple(region.name for region in self.regions) != REGIONS:
            raise InvalidValue("a garment has its five regions in order")
        if len(self.fingerprint) != 32 or len(self.mirrored_fingerprint) != 32:
            raise InvalidValue("a PDQ fingerprint has 32 bytes")

    def region(self, name: RegionName) -> Region:
        return self.regions[name.row]


@dataclass(frozen=True, slots=True, eq=False)
class DescribedPhoto:
    """A photo and its garments, most confident first. `models_version` names the models that looked at it.

    `prints` are PDQ hashes in the eight orientations of `models.fingerprint.orient`, of the whole photo and then of
    every garment's crop; empty where nobody took any.
    """

    sha256: str
    width: int
    height: int
    models_version: str
    garments: tuple[DescribedGarment, ...]
    timings_ms: dict[str, float]
    prints: tuple[tuple[bytes, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.prints and len(self.prints) != 1 + len(self.garments):
            raise InvalidValue("a photo has prints of itself and of every garment")
        if any(len(one) != 32 for eight in self.prints for one in eight) or any(len(e) != 8 for e in self.prints):
            raise InvalidValue("a print has eight orientations of 32 bytes")
