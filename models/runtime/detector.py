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

Floats = npt.NDArray[np.float32]


class DetectorSettings(BaseModel):
    """What a detector's manifest carries in `extra`; chosen on the calibration fold.

    `least_confidence` a garment needs to be reported, `most_overlap` (IoU) two garments of a photo may have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(gt=0)
    least_confidence: float = Field(ge=0, le=1)
    most_overlap: float = Field(gt=0, lt=1)
    most_garments: int = Field(gt=0)


class GarmentDetector:
    """Faster R-CNN behind a session: B square pictures in, scores float32 (B, P, 13) and boxes float32 (B, P, 4) out.

    Boxes come in pixels of the square picture; pictures of several callers may share a run (`models.runtime.batching`).
    Raises ModelFileError where the manifest lacks its settings.
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
        scores, boxes = self.propose(image)
        # Of boxes on one garment the surest, of any category.
        kept = surest(boxes, scores.sum(axis=1), self.settings.least_confidence, self.settings.most_overlap)
        detections = []
        for row in kept[: self.settings.most_garments]:
            x1, y1, x2, y2 = (float(v) for v in np.clip(boxes[row], 0, [image.width, image.height] * 2))
            if x2 - x1 >= 1 and y2 - y1 >= 1:
                detections.append(_name_garment(scores[row], Box(x1, y1, x2, y2)))
        return detections

    def propose(self, image: Image) -> tuple[Floats, Floats]:
        """All that the network proposes: scores float32 (P, 13); boxes (P, 4) in photo pixels, beyond its rim too."""
        square, to_photo = letterbox(image.pixels, self.settings.side)
        scores, boxes = self._session.run({self._input: normalise(square[None], self._mean, self._std)})
        scale = to_photo.matrix[[0, 1, 0, 1], [0, 1, 0, 1]]
        return np.asarray(scores[0], dtype=np.float32), np.asarray(boxes[0] * scale, dtype=np.float32)


def surest(boxes: Floats, scores: Floats, least: float, most_overlap: float) -> list[int]:
    """Rows of boxes (P, 4) that score (P,) at least `least`, surest first; of those that overlap only the surest."""
    corner_and_size = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return [int(row) for row in cv2.dnn.NMSBoxes(corner_and_size.tolist(), scores.tolist(), least, most_overlap)]


def _name_garment(scores: npt.NDArray[np.float32], box: Box) -> Detection:
    """The best category of the best group: four kinds of dress share one garment's confidence, yet it is a dress."""
    of = {category: float(score) for category, score in zip(Category, scores, strict=True)}
    group = max(WeightGroup, key=lambda group: sum(of[category] for category in of if category.group is group))
    category = max((category for category in of if category.group is group), key=lambda category: of[category])
    return Detection(box, category, min(1.0, float(scores.sum())))
