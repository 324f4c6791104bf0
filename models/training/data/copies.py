"""Copies of registered photos as a copycat would make them: one or two regions altered, photographed anew.

What the benchmark measures and what thresholds are fitted on, each on its own fold. Deterministic by the photo's name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.regions import locate_regions
from models.taxonomy import RegionName
from models.training.data.garment_picture import GarmentPicture, Mask, Pixels
from models.training.data.landmark_labels import LandmarkLabel, read_landmark_labels
from models.training.data.outlines import read_mask
from models.training.data.readers import Fold, GarmentPhoto, read_garments
from models.training.data.region_edits import alter_regions, cut_patch
from models.training.data.rephotograph import rephotograph
from models.types import Landmarks

LEAST_QUALITY = 0.8
"""Overlap of outline and mask below which a garment's landmarks are no ground to place an edit on."""
DONOR_COUNT = 60
GROUND_COUNT = 60


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A registered garment photo with what an edit needs to know of it; coordinates in photo pixels."""

    garment: GarmentPhoto
    landmarks: Landmarks

    def pixels(self) -> Pixels:
        return read_pixels(self.garment.path)

    def mask(self) -> Mask:
        assert self.garment.mask_path is not None
        return read_mask(self.garment.mask_path)


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A copycat's photo. `altered` names regions of the original; in a `flipped` one left and right changed places.

    `covered` names regions of the original that something lies over: neither altered nor all there.
    """

    original: str
    pixels: Pixels
    altered: tuple[RegionName, ...]
    edits: tuple[str, ...]
    flipped: bool
    recoloured: bool
    covered: tuple[RegionName, ...] = ()

    def jpeg(self) -> bytes:
        """The bytes that would be uploaded."""
        done, data = cv2.imencode(".jpg", cv2.cvtColor(self.pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert done
        return bytes(data)


@dataclass(frozen=True, slots=True, eq=False)
class CopyMaker:
    """Makes copies; `donors` lend cloth and prints, `grounds` are what the copy is laid on (both from other photos)."""

    donors: tuple[Pixels, ...]
    grounds: tuple[Pixels, ...]

    def copy(self, original: Original, seed: int = 0) -> Copy | None:
        """A copy with one or two regions altered, or None where no edit of its regions can be seen."""
        rng = np.random.default_rng(_seed(original.garment.photo, seed))
        pixels, mask = original.pixels(), original.mask()
        regions = locate_regions(original.landmarks, pixels.shape[1], pixels.shape[0])
        names = [region.name for region in regions if region.visible]
        wanted = rng.permutation(len(names))[: int(rng.integers(1, 3))]
        edited = alter_regions(pixels, mask, original.landmarks, [names[i] for i in wanted], rng, donors=self.donors)
        if not edited.altered:
            return None
        ground = self.grounds[int(rng.integers(len(self.grounds)))]
        photo = rephotograph(edited.pixels, edited.mask, edited.landmarks, ground, rng)
        return Copy(original.garment.photo, photo.pixels, edited.altered, edited.edits, photo.flipped, photo.recoloured)


def read_originals(root: Path, labels: Path, fold: Fold) -> list[Original]:
    """The garments of a fold whose whole shape is known; `labels` as `complete_labels` writes them."""
    by_photo = {label.photo: label for label in read_landmark_labels(labels) if label.quality >= LEAST_QUALITY}
    return [
        Original(garment, _landmarks(by_photo[garment.photo]))
        for garment in read_garments(root)
        if garment.fold is fold
        and garment.photo in by_photo
        and garment.ok
        and garment.mask_path is not None
        and garment.view == "front"
        and not by_photo[garment.photo].category.is_bottom
    ]


def read_unread(root: Path, labels: Path) -> list[Original]:
    """The garments that `label_unread` wrote, where their outline fits the mask."""
    by_photo = {garment.photo: garment for garment in read_garments(root)}
    return [
        Original(by_photo[label.photo], _landmarks(label))
        for label in read_landmark_labels(labels)
        if label.quality >= LEAST_QUALITY
    ]


def copy_maker(root: Path, labels: Path) -> CopyMaker:
    """Donors and grounds from training photos, the same for every fold that is measured."""
    originals = read_originals(root, labels, Fold.TRAIN)
    spread = originals[:: max(1, len(originals) // (DONOR_COUNT + GROUND_COUNT))]
    # A small data set lends half of its photos for each.
    lending = min(DONOR_COUNT, len(spread) // 2)
    donors = [
        patch
        for original in spread[:lending]
        if (patch := cut_patch(GarmentPicture(original.pixels(), original.mask(), original.landmarks))) is not None
    ]
    return CopyMaker(tuple(donors), tuple(_ground(original) for original in spread[lending:]))


def read_pixels(path: Path) -> Pixels:
    """uint8 (H, W, 3) sRGB; the photos of the data set carry no rotation flag."""
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None:
        raise FileNotFoundError(path)
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _ground(original: Original) -> Pixels:
    """The photo without its garment: what lay under it is filled in from around."""
    pixels, mask = original.pixels(), original.mask()
    grown = cv2.dilate((mask > 0).astype(np.uint8), np.ones((15, 15), np.uint8))
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(grown, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.inpaint(small, hole, 5, cv2.INPAINT_TELEA), dtype=np.uint8)


def _landmarks(label: LandmarkLabel) -> Landmarks:
    weight = np.ones(len(label.points), dtype=np.float32)
    return Landmarks(label.category, label.points[:, :2].astype(np.float32), weight, weight > 0)


def _seed(photo: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"copy {seed} {photo}".encode()).digest()[:8], "big")
