"""What goes over the wire. Boxes and points are pixels of the upright photo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from index.types import Hit, ItemDetails
from models.geometry import Box
from models.taxonomy import Category, RegionName, WeightGroup, slots_of
from models.types import DescribedGarment, DescribedPhoto, MissingReason
from service.cache import Versions
from service.schemas_pictures import PictureMatchOut, PictureOut
from service.schemas_warnings import WarningOut, warning_out
from service.verdict import First, Match, Verdict

BoxOut = tuple[float, float, float, float]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ImageOut(_Out):
    """The upright photo."""

    width: int
    height: int
    sha256: str

    @staticmethod
    def of(photo: DescribedPhoto) -> ImageOut:
        return ImageOut(width=photo.width, height=photo.height, sha256=photo.sha256)


class LandmarkOut(_Out):
    """A DeepFashion2 slot of the garment's category."""

    slot: int
    name: str
    x: float
    y: float
    visible: bool
    confidence: float


class RegionOut(_Out):
    """`box` is null exactly where the region is not visible; `reason` then says why."""

    box: BoxOut | None
    visible: bool
    reason: MissingReason | None = None


class GarmentOut(_Out):
    """A garment found in the photo."""

    box: BoxOut
    category: Category
    group: WeightGroup
    confidence: float
    landmarks: list[LandmarkOut]
    regions: dict[RegionName, RegionOut]
    warnings: list[WarningOut] = []


class MatchedRegionOut(_Out):
    """`agrees` is null where the region counts as nothing; `reason` says why there is no cosine.

    `weight` is the region's share of all five; `colour_shift` its colour change beyond the garment's (CIELAB ΔE);
    `alike` how much of it is the same where the picture is the same (0..1): it decides then.
    """

    cosine: float | None
    weight: float
    agrees: bool | None
    colour_shift: float | None = None
    reason: MissingReason | None = None
    alike: float | None = None


class ItemOut(_Out):
    """A registered item as its owner described it; until `disabled_until` no search finds it."""

    item_id: str
    seller_id: str | None = None
    title: str | None = None
    url: str | None = None
    published_at: datetime | None = None
    metadata: dict[str, Any] = {}
    disabled_until: datetime | None = None

    @staticmethod
    def of(item_id: str, details: ItemDetails) -> ItemOut:
        return ItemOut(
            item_id=item_id,
            seller_id=details.seller_id,
            title=details.title,
            url=details.url,
            published_at=details.published_at,
            metadata=dict(details.metadata or {}),
            disabled_until=details.disabled_until,
        )


class MatchOut(_Out):
    """A registered garment that the photo's garment resembles.

    `kind` is what the resemblance is; `verdict` is the same, unless the photo checked was published first
    (`first`: "query"): an earlier listing is never called the copy. Regions are named after the catalogue photo.
    `picture`: what says that the picture itself was reused, null where nothing was found of it.
    """

    item_id: str
    photo_id: str
    score: float
    probability: float
    verdict: Verdict
    kind: Verdict
    mirrored: bool
    same_photo: bool
    first: First | None
    regions: dict[RegionName, MatchedRegionOut]
    modified_regions: list[RegionName]
    warnings: list[WarningOut] = []
    picture: PictureOut | None = None
    item: ItemOut

    @staticmethod
    def of(hit: Hit, match: Match) -> MatchOut:
        return MatchOut(
            item_id=hit.item_id,
            photo_id=hit.photo_id,
            item=ItemOut.of(hit.item_id, hit.details),
            mirrored=hit.mirrored,
            picture=None if match.picture is None else PictureOut.of(match.picture),
            **match_fields(match, hit.score),
        )


class CheckedGarmentOut(GarmentOut):
    """A garment with its verdict, which is that of its gravest match."""

    verdict: Verdict
    matches: list[MatchOut]


class VersionsOut(_Out):
    """What produced the answer."""

    models: str
    weights: str
    policy: str
    index: int

    @staticmethod
    def of(versions: Versions) -> VersionsOut:
        return VersionsOut(
            models=versions.models, weights=versions.weights, policy=versions.policy, index=versions.index
        )


class CheckOut(_Out):
    """The answer to a check; `pictures` are registered ones that no garment's match accounts for."""

    check_id: str
    verdict: Verdict
    image: ImageOut
    garments: list[CheckedGarmentOut]
    pictures: list[PictureMatchOut] = []
    warnings: list[WarningOut]
    versions: VersionsOut
    timings_ms: dict[str, float]
    cached: bool
    overlay: str | None = Field(default=None, description="PNG as a data URI, where asked for")


def box_out(box: Box) -> BoxOut:
    x1, y1, x2, y2 = (round(float(v), 2) for v in (box.x1, box.y1, box.x2, box.y2))
    return x1, y1, x2, y2


def garment_fields(garment: DescribedGarment, warnings: Iterable[WarningOut] = ()) -> dict[str, Any]:
    """The fields of `GarmentOut`."""
    marks = garment.landmarks
    return {
        "box": box_out(garment.detection.box),
        "category": garment.detection.category,
        "group": garment.detection.category.group,
        "confidence": round(garment.detection.confidence, 4),
        "landmarks": [
            LandmarkOut(
                slot=slot.number,
                name=slot.name,
                x=round(float(x), 2),
                y=round(float(y), 2),
                visible=bool(seen),
                confidence=round(float(sure), 4),
            )
            for slot, (x, y), seen, sure in zip(
                slots_of(marks.category), marks.points_xy, marks.visible, marks.confidence, strict=True
            )
        ],
        "regions": {
            region.name: RegionOut(
                box=None if region.box is None else box_out(region.box), visible=region.visible, reason=region.reason
            )
            for region in garment.regions
        },
        "warnings": list(warnings),
    }


def match_fields(match: Match, score: float) -> dict[str, Any]:
    """The fields that every answer about two garments shares."""
    return {
        "score": round(score, 4),
        "probability": round(match.probability, 4),
        "verdict": match.verdict,
        "kind": match.kind,
        "same_photo": match.same_photo,
        "first": match.first,
        "regions": {
            found.name: MatchedRegionOut(
                cosine=None if found.cosine is None else round(found.cosine, 4),
                weight=round(found.weight, 4),
                agrees=found.agrees,
                colour_shift=None if found.colour_shift is None else round(found.colour_shift, 2),
                reason=found.reason,
                alike=None if found.alike is None else round(found.alike, 3),
            )
            for found in match.regions
        },
        "modified_regions": list(match.modified_regions),
        "warnings": [warning_out(code) for code in match.warnings],
    }
