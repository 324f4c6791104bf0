"""What lowers trust in an answer, as it goes over the wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class WarningOut(BaseModel):
    """Something that lowers trust: `low_landmark_confidence`, `few_regions`, `small_crop`,
    `many_alike`, `shared_blank`, `pictures_not_compared`, `check_not_kept`."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


_MESSAGES = {
    "few_regions": "fewer regions than needed could be compared",
    "low_landmark_confidence": "the landmarks are uncertain, so regions may be misplaced",
    "small_crop": "the garment is small in the photo, so details are lost",
    "shared_blank": "the garment shares a blank with several registered designs, not their print",
    "many_alike": "many registered items resemble the garment about as much, so it is probably a copy of none",
    "pictures_not_compared": "a registered photo could not be read, so a reused picture may be missed: check again",
    "check_not_kept": "the check could not be kept and cannot be read again",
}


def warning_out(code: str) -> WarningOut:
    return WarningOut(code=code, message=_MESSAGES[code])
