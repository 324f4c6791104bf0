"""What the catalogue answers: registered photos and items."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from index.types import CatalogueItem, CataloguePhoto
from service.schemas import GarmentOut, ImageOut, ItemOut, VersionsOut, garment_fields
from service.schemas_warnings import WarningOut


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class AddedOut(_Out):
    """A registered photo. `design` is the row of the garment that is searched."""

    item_id: str
    photo_id: str
    created: bool
    design: int
    image: ImageOut
    garments: list[GarmentOut]
    warnings: list[WarningOut]
    versions: VersionsOut
    timings_ms: dict[str, float]


class CataloguePhotoOut(_Out):
    """A registered photo; `is_design` marks the garment that is searched, in the order of `garments`."""

    photo_id: str
    image: ImageOut
    models_version: str
    added_at: datetime
    garments: list[GarmentOut]
    is_design: list[bool]


class CatalogueItemOut(ItemOut):
    """A registered item with its photos."""

    created_at: datetime
    updated_at: datetime
    photos: list[CataloguePhotoOut]

    @staticmethod
    def from_catalogue(item: CatalogueItem) -> CatalogueItemOut:
        details = ItemOut.of(item.item_id, item.details)
        return CatalogueItemOut(
            **{name: getattr(details, name) for name in ItemOut.model_fields},
            created_at=item.created_at,
            updated_at=item.updated_at,
            photos=[_catalogue_photo(photo) for photo in item.photos],
        )


class ItemPageOut(_Out):
    """A page of items, oldest first; give `next_cursor` back as `cursor` for the next one."""

    items: list[CatalogueItemOut]
    next_cursor: str | None


def _catalogue_photo(photo: CataloguePhoto) -> CataloguePhotoOut:
    return CataloguePhotoOut(
        photo_id=photo.photo_id,
        image=ImageOut(width=photo.width, height=photo.height, sha256=photo.sha256),
        models_version=photo.models_version,
        added_at=photo.added_at,
        garments=[GarmentOut(**garment_fields(garment.described)) for garment in photo.garments],
        is_design=[garment.is_design for garment in photo.garments],
    )
