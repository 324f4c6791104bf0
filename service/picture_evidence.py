"""What says that a query and a registered photo are one picture: prints that are near, pixels that agree in place."""

from __future__ import annotations

from dataclasses import dataclass

from index.prints import PrintMatch
from models.geometry import Box
from models.same_picture import SamePicture
from models.types import DescribedGarment, Region
from service.policy import Policy

ORIENTATIONS = (
    "upright",
    "turned_90",
    "turned_180",
    "turned_270",
    "mirrored",
    "mirrored_turned_90",
    "mirrored_turned_180",
    "mirrored_turned_270",
)
"""What was done to the registered picture is undone by `models.fingerprint.orient` with these places, 0..7."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureEvidence:
    """`match`: a print within the policy's radius, None where there is none; `same`: the pixels, None where they were
    not compared or nothing says where the one could lie in the other; `identical`: the very bytes that are registered.
    """

    match: PrintMatch | None
    same: SamePicture | None
    identical: bool = False

    def is_same(self, policy: Policy) -> bool:
        """Pixels decide where they were compared, else the print; the same bytes need neither."""
        if self.identical:
            return True
        if self.same is not None:
            return self.same.confidence >= policy.pictures.least_confidence
        return self.match is not None and self.match.distance <= policy.same_photo_distance

    @property
    def orientation(self) -> str | None:
        """How the query shows the registered picture, one of `ORIENTATIONS`; a near print knows it best."""
        if self.match is not None:
            return ORIENTATIONS[self.match.orientation]
        return None if self.same is None else ORIENTATIONS[self.same.orientation]

    def share_alike(self, region: Region) -> float | None:
        """How much of a region of the registered garment is the same in the query; None where that is not known."""
        if region.box is None:
            return None
        if self.identical:
            return 1.0
        return None if self.same is None else self.same.share_alike(region.box)

    def place_of(self, box: Box) -> Box | None:
        """Where a box of the registered photo lies in the query (photo pixels); None where that is not known."""
        if self.identical:
            return box
        return None if self.same is None else self.same.place_of(box)


def overlap(ours: Box, theirs: Box) -> float:
    """How much of the smaller box the other covers, 0..1."""
    width = min(ours.x2, theirs.x2) - max(ours.x1, theirs.x1)
    height = min(ours.y2, theirs.y2) - max(ours.y1, theirs.y1)
    return max(0.0, width) * max(0.0, height) / min(ours.area, theirs.area)


def shows(garment: DescribedGarment, picture: PictureEvidence, theirs: DescribedGarment) -> bool:
    """Whether the registered garment may lie where ours does: two garments of one photo are not each other's copy."""
    place = picture.place_of(theirs.detection.box)
    return place is None or overlap(garment.detection.box, place) >= 0.5
