"""The evidence that a picture was reused, as it goes over the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from index.prints import PrintOf
from models.taxonomy import RegionName
from service.picture_evidence import PictureEvidence
from service.verdict import First, Verdict

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


class PictureMatchOut(_Out):
    """A registered picture in the photo where the models saw no garment that matches it: turned, say.

    `verdict` and `first` as of a match; `modified_regions` are those of the registered garment.
    """

    item_id: str
    photo_id: str
    verdict: Verdict
    first: First | None
    modified_regions: list[RegionName]
    picture: PictureOut
