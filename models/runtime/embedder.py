"""RegionEmbedder: garments with landmarks and regions in, five unit vectors and colours for each, both ways round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ModelFileError
from models.geometry import Affine, Points
from models.manifest import Manifest
from models.preprocessing import landmark_maps, normalise
from models.regions import garment_outline
from models.runtime.session import ModelSession
from models.taxonomy import LANDMARK_CHANNELS, REGION_COUNT, REGIONS, slots_of
from models.types import CROP_SIZE, Garment, Landmarks, Region, RegionEmbeddings

Floats = npt.NDArray[np.float32]
INPUTS = ("crops", "landmark_maps", "boxes")
STRIDE = 8
"""Crop pixels a cell of the network's finest map, and so of the landmark maps."""
MAP_SIDE = CROP_SIZE // STRIDE
_LEAST_PIXELS = 12
"""A region with fewer pixels inside the outline takes its colour from its whole box."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbedderInput:
    """One garment as the network is fed: `crop` uint8 (288, 288, 3), `maps` float32 (81, 36, 36), `boxes` float32
    (5, 4), x1 y1 x2 y2 in crop pixels, zero where the region is missing."""

    crop: npt.NDArray[np.uint8]
    maps: Floats
    boxes: Floats


class RegionEmbedder:
    """Describes the regions of garments with one network run for a whole batch, both orientations included."""

    def __init__(self, session: ModelSession, manifest: Manifest) -> None:
        if set(manifest.inputs) != set(INPUTS):
            raise ModelFileError(f"{manifest.name} takes {sorted(manifest.inputs)}, not {sorted(INPUTS)}")
        self._session = session
        self._manifest = manifest
        self._side = _side_of(manifest)

    @property
    def version(self) -> str:
        return self._manifest.version

    @property
    def dimension(self) -> int:
        return int(self._manifest.extra["dimension"])

    def embed(
        self, garments: Sequence[Garment], landmarks: Sequence[Landmarks], regions: Sequence[tuple[Region, ...]]
    ) -> list[tuple[RegionEmbeddings, RegionEmbeddings]]:
        """For each garment its embeddings as seen, and those of its flipped crop (rows named after the flipped
        picture). Landmarks and regions are in photo pixels."""
        if not garments:
            return []
        fed = [
            pair
            for garment, marks, boxes in zip(garments, landmarks, regions, strict=True)
            for pair in both_orientations(garment.crop, garment.to_photo.inverse(), marks, boxes, self._side // STRIDE)
        ]
        (vectors,) = self._session.run(
            {
                "crops": normalise(
                    np.stack([_shrunk(one.crop, self._side) for one in fed]), self._manifest.mean, self._manifest.std
                ),
                "landmark_maps": np.stack([one.maps for one in fed]),
                "boxes": np.stack([one.boxes for one in fed]) * np.float32(self._side / CROP_SIZE),
            }
        )
        described = []
        for number, garment in enumerate(garments):
            to_crop = garment.to_photo.inverse()
            seen_boxes = fed[2 * number].boxes
            colours = region_colours(garment.crop, to_crop.apply(garment_outline(landmarks[number])), seen_boxes)
            swapped = colours[[name.mirrored.row for name in REGIONS]]
            described.append(
                (
                    RegionEmbeddings(vectors[2 * number], colours),
                    RegionEmbeddings(vectors[2 * number + 1], swapped),
                )
            )
        return described


def both_orientations(
    crop: npt.NDArray[np.uint8],
    to_crop: Affine,
    landmarks: Landmarks,
    regions: tuple[Region, ...],
    map_side: int = MAP_SIDE,
) -> tuple[EmbedderInput, EmbedderInput]:
    """What the network is fed for a crop as seen and flipped left to right; `to_crop` maps photo to crop pixels.

    A network that takes smaller crops has smaller maps, of `map_side`.
    """
    slots = slots_of(landmarks.category)
    points = to_crop.apply(landmarks.points_xy)
    strength = np.where(landmarks.visible, landmarks.confidence, 0).astype(np.float32)
    boxes = region_boxes(to_crop, regions)
    order = [slot.mirror - 1 for slot in slots]
    flipped_points = points[order].copy()
    flipped_points[:, 0] = CROP_SIZE - flipped_points[:, 0]
    channels = [slot.channel for slot in slots]
    return (
        EmbedderInput(crop, draw_maps(points, channels, strength, map_side), boxes),
        EmbedderInput(
            np.ascontiguousarray(crop[:, ::-1]),
            draw_maps(flipped_points, channels, strength[order], map_side),
            mirrored_boxes(boxes),
        ),
    )


def draw_maps(points_xy: Points, channels: Sequence[int], strength: npt.ArrayLike, side: int = MAP_SIDE) -> Floats:
    """Landmark maps for the attention, float32 (81, side, side); points in crop pixels."""
    return landmark_maps(points_xy, channels, strength, side, LANDMARK_CHANNELS)


def _side_of(manifest: Manifest) -> int:
    """The side of the crops that a network takes: an embedder that is being replaced may take smaller ones."""
    side = manifest.inputs["crops"][-1]
    if not isinstance(side, int) or side % STRIDE or side > CROP_SIZE:
        raise ModelFileError(f"{manifest.name} takes crops of {side} px; at most {CROP_SIZE}, a multiple of {STRIDE}")
    return side


def _shrunk(crop: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    if side == CROP_SIZE:
        return crop
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def region_boxes(to_crop: Affine, regions: tuple[Region, ...]) -> Floats:
    """float32 (5, 4) in crop pixels; zeros where a region is missing."""
    boxes = np.zeros((REGION_COUNT, 4), dtype=np.float32)
    for region in regions:
        if region.box is not None:
            boxes[region.name.row] = to_crop.apply_to_box(region.box).as_array()
    return boxes


def mirrored_boxes(boxes: Floats) -> Floats:
    """The boxes (5, 4) of the flipped crop: mirrored, sleeves swapped, missing ones still zero."""
    flipped = boxes[:, [2, 1, 0, 3]]
    flipped[:, [0, 2]] = CROP_SIZE - flipped[:, [0, 2]]
    flipped[~boxes.any(axis=1)] = 0
    return np.asarray(flipped[[name.mirrored.row for name in REGIONS]], dtype=np.float32)


def region_colours(crop: npt.NDArray[np.uint8], outline_xy: Points, boxes: Floats) -> Floats:
    """Median CIELAB of the garment's pixels in each region, float32 (5, 3): L 0..100; zero where it is missing.

    `outline_xy` and `boxes` (5, 4) in crop pixels.
    """
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inside = np.zeros(crop.shape[:2], dtype=np.uint8)
    cv2.fillPoly(inside, [np.round(outline_xy).astype(np.int32).reshape(-1, 1, 2)], 1)
    colours = np.zeros((REGION_COUNT, 3), dtype=np.float32)
    for row, box in enumerate(boxes):
        x1, y1 = np.floor(box[:2]).clip(0, CROP_SIZE - 1).astype(int)
        x2, y2 = np.ceil(box[2:]).clip(1, CROP_SIZE).astype(int)
        if not box.any() or x2 <= x1 or y2 <= y1:
            continue
        window = (slice(y1, y2), slice(x1, x2))
        chosen = inside[window] > 0
        pixels = lab[window][chosen] if chosen.sum() >= _LEAST_PIXELS else lab[window].reshape(-1, 3)
        colours[row] = np.median(pixels, axis=0)
    return colours
