"""What comparisons and same-garment searches answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from models.taxonomy import RegionName
from service.schemas import GarmentOut, ImageOut, ItemOut, MatchedRegionOut, VersionsOut
from service.schemas_warnings import WarningOut
from service.verdict import First, Verdict


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ComparedPhotoOut(_Out):
    """One of the two photos."""

    image: ImageOut
    garments: list[GarmentOut]


class PairOut(_Out):
    """A garment of photo a and the garment of photo b that it resembles most, as rows of their lists."""

    garment_a: int
    garment_b: int
    score: float
    probability: float
    verdict: Verdict
    kind: Verdict
    mirrored: bool
    same_photo: bool
    first: First | None
    regions: dict[RegionName, MatchedRegionOut]
    modified_regions: list[RegionName]
    warnings: list[WarningOut]


class CompareOut(_Out):
    """Whether photo a copies photo b; `first`: "query" means that a was published first."""

    verdict: Verdict
    photo_a: ComparedPhotoOut
    photo_b: ComparedPhotoOut
    pairs: list[PairOut]
    versions: VersionsOut
    timings_ms: dict[str, float]


class FoundOut(_Out):
    """A registered item that shows a garment like this one.

    `score` is S under equal weights; `likeness`, by which hits are ranked, is S with the garment's own colour counted.
    """

    item_id: str
    photo_id: str
    score: float
    likeness: float
    mirrored: bool
    same_photo: bool
    item: ItemOut


class FoundGarmentOut(GarmentOut):
    """A garment with the items found for it, best first."""

    hits: list[FoundOut]


class SearchOut(_Out):
    """The answer to a same-garment search."""

    image: ImageOut
    garments: list[FoundGarmentOut]
    versions: VersionsOut
    timings_ms: dict[str, float]
