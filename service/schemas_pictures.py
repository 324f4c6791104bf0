"""The evidence that a picture was reused, as it goes over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from index.prints import PrintOf
from index.reading import FoundGarment
from models.taxonomy import RegionName
from models.types import MissingReason
from service.picture_evidence import PictureEvidence
from service.policy import Policy
from service.verdict import First, Verdict, who_was_first

Orientation = Literal[
    "upright", "turned_90", "turned_180", "turned_270",
    "mirrored", "mirrored_turned_90", "mirrored_turned_180", "mirrored_turned_270",
]  # fmt: skip


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class PictureOut(_Out):
    """How far the photo checked shows the registered picture itself.

    `print` and `distance` (bits of 256): which registered print was near, null where none was. `confidence` (0..1) that
    it is the same picture, from `points` that agree where it lies and from the `agreement` (-1..1) of the pixels there;
    `shown`: how much of the registered photo is to be seen; null where pixels were not compared. `orientation`: how the
    photo checked shows it.
    """

    print: PrintOf | None
    distance: int | None
    orientation: Orientation | None
    confidence: float | None
    points: int | None
    agreement: float | None
    shown: float | None

    @staticmethod
    def of(evidence: PictureEvidence) -> PictureOut:
        match, same = evidence.match, evidence.same
        return PictureOut.model_validate(
            {
                "print": None if match is None else match.of,
                "distance": None if match is None else match.distance,
                "orientation": evidence.orientation,
                "confidence": None if same is None else round(same.confidence, 4),
                "points": None if same is None else same.points,
                "agreement": None if same is None else round(same.agreement, 4),
                "shown": None if same is None else round(same.shown, 4),
            }
        )
