"""Image → Detection*: finds the garments of a photo."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ModelFileError
from models.geometry import Box
from models.manifest import Manifest
from models.preprocessing import letterbox, normalise
from models.runtime.session import ModelSession
from models.taxonomy import Category, WeightGroup
from models.types import Detection, Image

SAME_GARMENT = 0.5
"""IoU from which a box of the mirror image is on the same garment."""


class DetectorSettings(BaseModel):
    """What a detector's manifest carries in `extra`; chosen on the calibration fold.

    `least_confidence` a garment needs to be reported, `most_overlap` (IoU) two garments of a photo may have;
    `both_ways`: the category is read from the photo and its mirror image, at the cost of a second run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(gt=0)
    least_confidence: float = Field(ge=0, le=1)
    most_overlap: float = Field(gt=0, lt=1)
    most_garments: int = Field(gt=0)
    both_ways: bool = False


class GarmentDetector:
    """Faster R-CNN behind a session: one square picture in, scores float32 (P, 13) and boxes float32 (P, 4) out.

    Boxes come in pixels of the square picture. Raises ModelFileError where the manifest lacks its settings.
    """

    def __init__(self, session: ModelSession, manifest: Manifest) -> None:
        try:
            self.settings = DetectorSettings.model_validate(manifest.extra)
        except ValidationError as error:
            raise ModelFileError(f"the manifest of {manifest.name} is no detector's: {error}") from error
        self._session = session
        self._input = next(iter(manifest.inputs))
        self._mean, self._std = manifest.mean, manifest.std

    def detect(self, image: Image) -> list[Detection]:
        """The garments of a photo, boxes in its pixels, most confident first; an empty list where there is none."""
        square, to_photo = letterbox(image.pixels, self.settings.side)
        scores, boxes = self._look(square)
        chosen = self._choose(scores, boxes)
        opinions = self._read_mirrored(square, scores, boxes, chosen) if self.settings.both_ways and chosen else scores
        scale = to_photo.matrix[[0, 1, 0, 1], [0, 1, 0, 1]]
        limits = [image.width, image.height] * 2
        detections = []
        for row in chosen:
            x1, y1, x2, y2 = (float(v) for v in np.clip(boxes[row] * scale, 0, limits))
            if x2 - x1 >= 1 and y2 - y1 >= 1:
                confidence = min(1.0, float(scores[row].sum()))
                detections.append(Detection(Box(x1, y1, x2, y2), _name_category(opinions[row]), confidence))
        return detections

    def _look(self, square: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        scores, boxes = self._session.run({self._input: normalise(square[None], self._mean, self._std)})
        return np.asarray(scores, dtype=np.float32), np.asarray(boxes, dtype=np.float32)

    def _read_mirrored(
        self,
        square: npt.NDArray[np.uint8],
        scores: npt.NDArray[np.float32],
        boxes: npt.NDArray[np.float32],
        chosen: list[int],
    ) -> npt.NDArray[np.float32]:
        """The scores, with those of the surest box on the same garment of the mirror image added where there is one."""
        flipped_scores, flipped = self._look(np.ascontiguousarray(square[:, ::-1]))
        flipped = flipped[:, [2, 1, 0, 3]]
        flipped[:, [0, 2]] = self.settings.side - flipped[:, [0, 2]]
        opinions = scores.copy()
        for row in chosen:
            alike = _overlaps(boxes[row], flipped) >= SAME_GARMENT
            if alike.any():
                opinions[row] += flipped_scores[int(np.argmax(flipped_scores.sum(axis=1) * alike))]
        return opinions

    def _choose(self, scores: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> list[int]:
        """Rows of the garments kept: confident enough, and of boxes on one garment the surest of any category."""
        corner_and_size = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        kept = cv2.dnn.NMSBoxes(
            corner_and_size.tolist(),
            scores.sum(axis=1).tolist(),
            self.settings.least_confidence,
            self.settings.most_overlap,
        )
        return [int(row) for row in kept][: self.settings.most_garments]


def _name_category(scores: npt.NDArray[np.float32]) -> Category:
    """The best category of the best group: four kinds of dress share one garment's confidence, yet it is a dress."""
    of = {category: float(score) for category, score in zip(Category, scores, strict=True)}
    group = max(WeightGroup, key=lambda group: sum(of[category] for category in of if category.group is group))
    return max((category for category in of if category.group is group), key=lambda category: of[category])


def _overlaps(box: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """IoU (P,) of a box with others (P, 4); 0 with an empty one."""
    corner = np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.clip(np.minimum(box[2:], others[:, 2:]) - corner, 0, None), axis=1)
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0, None), axis=1) + np.prod(
        np.clip(box[2:] - box[:2], 0, None)
    )
    return np.asarray(shared / np.maximum(areas - shared, 1e-6), dtype=np.float32)
