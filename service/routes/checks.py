"""Checks, comparisons and same-garment searches."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from service.early_refusal import refuse_early
from service.idempotency import claim_of
from service.kept_photo import MEDIA_TYPE
from service.requests import CheckFields, CompareFields, SearchFields
from service.routes.documented import body_of, problems, service_of, tenant_of, trace_stages
from service.routes.intake import read_submission
from service.schemas import CheckOut
from service.schemas_compare import CompareOut, SearchOut

router = APIRouter(tags=["checks"])
_PHOTO: dict[int | str, dict[str, Any]] = {
    200: {"description": "The photo", "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post(
    "/check-plagiarism",
    responses=problems(400, 413, 415, 422, 503),
    openapi_extra=body_of(CheckFields, ("image",)),
)
async def check_plagiarism(request: Request) -> CheckOut:
    """Does this photo copy a registered design, and which parts?

    `category` says what the largest garment of that group (or of all) is, whatever the detector calls it.
    """
    service = service_of(request)
    refuse_early(service, request.scope)
    submission = await read_submission(request, ("image",), service)
    fields = submission.fields(CheckFields)
    photo, claim = submission.photos["image"], claim_of(request.scope)
    answer = await service.checker.check(photo, fields, tenant_of(request), claim=claim)
    trace_stages(request, answer.timings_ms)
    return answer


@router.get("/checks/{check_id}", responses=problems(404, 503))
async def read_check(request: Request, check_id: str) -> CheckOut:
    """An answered check again, for as long as checks are kept."""
    found = await asyncio.to_thread(service_of(request).checks.get, check_id, tenant_of(request))
    return CheckOut.model_validate_json(found)


@router.get("/checks/{check_id}/photo", responses=_PHOTO | problems(404, 503), response_class=Response)
async def read_check_photo(request: Request, check_id: str) -> Response:
    """The checked photo, upright and without EXIF, where photos of checks are kept (off by default)."""
    data = await asyncio.to_thread(service_of(request).checks.photo, check_id, tenant_of(request))
    # Not to be kept by anybody on the way: it may be erased at any time.
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return Response(data, media_type=MEDIA_TYPE, headers=headers)


@router.delete("/checks/{check_id}", status_code=204, responses=problems(404, 503))
async def erase_check(request: Request, check_id: str) -> Response:
    """Forget a check for good, and whatever else is kept of it: docs/security.md, "What is kept"."""
    await service_of(request).eraser.erase(check_id, tenant_of(request))
    return Response(status_code=204)


@router.post(
    "/compare",
    responses=problems(400, 413, 415, 422, 503),
    openapi_extra=body_of(CompareFields, ("image_a", "image_b")),
)
async def compare(request: Request) -> CompareOut:
    """Is photo a a copy of photo b? Nothing is registered."""
    service = service_of(request)
    refuse_early(service, request.scope)
    submission = await read_submission(request, ("image_a", "image_b"), service)
    photos, fields = submission.photos, submission.fields(CompareFields)
    return await service.comparer.compare(photos["image_a"], photos["image_b"], fields, tenant_of(request))


@router.post(
    "/search",
    responses=problems(400, 413, 415, 422, 503),
    openapi_extra=body_of(SearchFields, ("image",)),
)
async def search(request: Request) -> SearchOut:
    """Which registered items show the same garment? Equal weights, no verdict."""
    service = service_of(request)
    refuse_early(service, request.scope)
    submission = await read_submission(request, ("image",), service)
    fields = submission.fields(SearchFields)
    found = await service.comparer.search(submission.photos["image"], fields, tenant_of(request))
    trace_stages(request, found.timings_ms)
    return found
