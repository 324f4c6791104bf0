"""The catalogue: add, read, change, list, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from index.types import ItemFilters
from models.taxonomy import Category, WeightGroup
from service.bodies import FIELDS_BYTES
from service.early_refusal import lane_of, refuse_early
from service.problems import invalid_fields
from service.requests import AddFields, DetailFields
from service.routes.documented import (
    body_of,
    catalogue_of,
    json_body_of,
    problems,
    service_of,
    tenant_of,
    trace_stages,
)
from service.routes.intake import read_json, read_submission, refuse_unknown_query
from service.schemas_catalogue import AddedOut, CatalogueItemOut, ItemPageOut

router = APIRouter(prefix="/index", tags=["catalogue"])

_MAGIC = ((b"\xff\xd8", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))


class StatsOut(BaseModel):
    """The record and the live index side by side; `other_models` are designs that wait to be embedded again."""

    items: int
    photos: int
    garments: int
    searchable: int
    other_models: int
    categories: dict[Category, int]
    models_version: str
    sequence: int
    ready: bool
    stale: bool


@router.post(
    "/add",
    status_code=201,
    responses={
        200: {"model": AddedOut, "description": "The same photo again"},
        **problems(400, 413, 415, 422, 503, 507),
    },
    openapi_extra=body_of(AddFields, ("image",)),
)
async def add_photo(request: Request, response: Response) -> AddedOut:
    """Register a photo of an item. Durable and found by the next check once this answers 201.

    With the header `Priority: u=6` or `u=7` (RFC 9218) it is bulk work, which waits for every check.
    """
    service = service_of(request)
    refuse_early(service, request.scope)
    submission = await read_submission(request, ("image",), service)
    fields = submission.fields(AddFields)
    added = await service.registrar.add(submission.photos["image"], fields, tenant_of(request), lane_of(request.scope))
    trace_stages(request, added.timings_ms)
    response.status_code = 201 if added.created else 200
    return added


@router.get("/stats", responses=problems(503))
async def read_stats(request: Request) -> StatsOut:
    """How much is registered and searched."""
    stats = await asyncio.to_thread(catalogue_of(request).stats)
    return StatsOut(
        items=stats.counts.items,
        photos=stats.counts.photos,
        garments=stats.counts.garments,
        searchable=stats.searchable,
        other_models=stats.undescribed,
        categories=dict(stats.counts.categories),
        models_version=stats.models_version,
        sequence=stats.sequence,
        ready=stats.ready,
        stale=stats.stale,
    )


@router.get("/items", dependencies=[Depends(refuse_unknown_query)], responses=problems(422, 503))
async def list_items(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    seller_id: Annotated[str | None, Query(max_length=200)] = None,
    category: Category | None = None,
    group: WeightGroup | None = None,
) -> ItemPageOut:
    """Items, oldest first, a page at a time."""
    filters = ItemFilters(seller_id, category, group)
    page = await asyncio.to_thread(catalogue_of(request).page, cursor, limit, filters)
    items = [CatalogueItemOut.from_catalogue(item) for item in page.items]
    return ItemPageOut(items=items, next_cursor=page.next_cursor)


@router.get("/items/{item_id:path}/photos/{photo_id}", responses=problems(404, 503), response_class=Response)
async def read_photo(request: Request, item_id: str, photo_id: str) -> Response:
    """A registered photo as it was uploaded."""
    data = await asyncio.to_thread(catalogue_of(request).photo_bytes, item_id, photo_id)
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "application/octet-stream")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
    return Response(data, media_type=kind, headers=headers)


@router.get("/items/{item_id:path}", responses=problems(404, 503))
async def read_item(request: Request, item_id: str) -> CatalogueItemOut:
    """An item with its photos and what was seen in them."""
    item = await asyncio.to_thread(catalogue_of(request).get, item_id)
    return CatalogueItemOut.from_catalogue(item)


@router.patch(
    "/items/{item_id:path}",
    responses=problems(400, 404, 422, 503),
    openapi_extra=json_body_of(DetailFields),
)
async def patch_item(request: Request, item_id: str) -> CatalogueItemOut:
    """Change what is said of an item; fields left out stay, `metadata` is merged (RFC 7396)."""
    service = service_of(request)
    try:
        content, _ = await read_json(request, FIELDS_BYTES, service.settings.uploads.pace())
        fields = DetailFields.model_validate(content)
    except ValidationError as error:
        raise invalid_fields(error) from error
    item = await asyncio.to_thread(catalogue_of(request).patch, item_id, fields.details())
    return CatalogueItemOut.from_catalogue(item)


@router.delete("/items/{item_id:path}", status_code=204, responses=problems(404, 503))
async def delete_item(request: Request, item_id: str) -> Response:
    """Forget an item, its photos and their bytes."""
    await asyncio.to_thread(catalogue_of(request).delete, item_id)
    return Response(status_code=204)
