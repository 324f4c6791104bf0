"""Region weights: what is in force, what was, and what moderators' decisions teach."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import numpy as np
import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ValidationError

from models.taxonomy import REGIONS, RegionName, WeightGroup
from models.weighting import RegionWeights
from service.access.gate import caller_of
from service.bodies import FIELDS_BYTES, beside_the_loop, largest_form, largest_json
from service.early_refusal import refuse_early
from service.errors import InvalidField, UnsupportedBody, UploadTooLarge
from service.judging import ONLY_WAIST
from service.problems import invalid_fields
from service.requests_weights import MOST_PHOTOS, LearnFields, PutWeightsFields
from service.routes.documented import either_body_of, json_body_of, problems, service_of
from service.routes.intake import decode_base64, read_form, read_json, refuse_unknown_query
from service.schemas_weights import (
    LearnOut,
    SetWeightsOut,
    WeightHistoryOut,
    WeightsOut,
    WeightVersionOut,
    version_fields,
    weights_out,
)
from service.selvedge import Selvedge

router = APIRouter(prefix="/weights", tags=["weights"])
log = structlog.get_logger()

Fields = TypeVar("Fields", bound=BaseModel)
_PHOTOS = 2
"""A body may have as many bytes as that of a comparison: two photos of the largest size, or more small ones."""


@router.get("/{group}", responses=problems(422, 503))
async def read_weights(request: Request, group: WeightGroup) -> WeightsOut:
    """How much each region counts for this group when a check says nothing else."""
    service = service_of(request)
    (found,) = await asyncio.to_thread(service.weights.versions, group, 1)
    return WeightsOut(
        group=group,
        version=found.version,
        weights=weights_out(found.weights),
        source=found.source,
        at=found.at,
        table_version=service.rules.now().weights.version,
    )


@router.put("/{group}", responses=problems(400, 413, 422, 503), openapi_extra=json_body_of(PutWeightsFields))
async def put_weights(request: Request, group: WeightGroup) -> SetWeightsOut:
    """Weigh the regions of a group anew, or as under an earlier version. Weights are of the whole service: only keys of
    the operator's tenant set them.

    In force here once this answers, within a second in every process on the same record.
    """
    service = service_of(request)
    content, _ = await read_json(request, FIELDS_BYTES, service.settings.uploads.pace())
    fields = _checked(PutWeightsFields, content)
    key_id = caller_of(request.scope).key_id
    if fields.weights is None:
        assert fields.version is not None
        made = await asyncio.to_thread(service.weights.roll_back, group, fields.version, key_id, fields.reason)
    else:
        if group is WeightGroup.BOTTOM and not fields.weights[RegionName.WAIST]:
            raise InvalidField.at(
                "/weights/waist", "a bottom is its waist region alone, which needs a weight above zero"
            )
        given = RegionWeights(np.array([fields.weights[name] for name in REGIONS]))
        weights = ONLY_WAIST if group is WeightGroup.BOTTOM else given
        made = await asyncio.to_thread(service.weights.put, group, weights, key_id, fields.reason)
    await asyncio.to_thread(service.rules.refresh)
    log.info("weights_set", group=group.value, version=made.version, source=made.source.value, key_id=key_id)
    return SetWeightsOut(**version_fields(made), table_version=service.rules.now().weights.version)


@router.get("/{group}/versions", dependencies=[Depends(refuse_unknown_query)], responses=problems(422, 503))
async def list_versions(
    request: Request,
    group: WeightGroup,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> WeightHistoryOut:
    """Every version that the group's weights had: when, by which key, and why. Latest first.

    For keys of the operator's tenant.
    """
    found = await asyncio.to_thread(service_of(request).weights.versions, group, limit + 1, cursor)
    page = found[:limit]
    versions = [WeightVersionOut.of(version) for version in page]
    return WeightHistoryOut(
        group=group, versions=versions, next_cursor=str(page[-1].number) if len(found) > limit else None
    )


@router.post(
    "/learn",
    responses=problems(400, 404, 413, 415, 422, 503, 507),
    openapi_extra=either_body_of(LearnFields),
)
async def learn_weights(request: Request) -> LearnOut:
    """Keep moderators' decisions on pairs, and learn each group's weights from all decisions so far.

    New weights are taken only where they lower the loss on pairs that they were not learnt from. They are of the whole
    service: only keys of the operator's tenant teach it.
    """
    service = service_of(request)
    refuse_early(service, request.scope)
    fields, photos = await _read_pairs(request, service)
    return await service.learner.learn(fields, photos, caller_of(request.scope))


async def _read_pairs(request: Request, service: Selvedge) -> tuple[LearnFields, Mapping[str, bytes]]:
    """The pairs, and the photos that were sent along by the pointer of their side."""
    max_bytes, pace = service.settings.images.max_bytes, service.settings.uploads.pace()
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    parts: Mapping[str, bytes] = {}
    if kind == "multipart/form-data":
        form = await read_form(request, largest_form(_PHOTOS, max_bytes), pace, MOST_PHOTOS)
        content, parts, size = dict(form.values), form.photos, 0
    elif kind == "application/json":
        content, size = await read_json(request, largest_json(max_bytes, _PHOTOS), pace)
    else:
        raise UnsupportedBody("send multipart/form-data or application/json")
    return await beside_the_loop(size, _pairs_of, content, parts, max_bytes)


def _pairs_of(
    content: dict[str, Any], parts: Mapping[str, bytes], max_bytes: int
) -> tuple[LearnFields, Mapping[str, bytes]]:
    fields = _checked(LearnFields, content)
    return fields, _photos_of(fields, parts, max_bytes)


def _photos_of(fields: LearnFields, parts: Mapping[str, bytes], max_bytes: int) -> Mapping[str, bytes]:
    photos: dict[str, bytes] = {}
    for row, pair in enumerate(fields.pairs):
        for side in "ab":
            part, text = getattr(pair, f"image_{side}"), getattr(pair, f"image_{side}_base64")
            if part is not None and not parts.get(part):
                raise InvalidField.at(f"/pairs/{row}/image_{side}", f"there is no file part {part!r}, or it is empty")
            if part is not None:
                photos[f"/pairs/{row}/{side}"] = parts[part]
            elif text is not None:
                photos[f"/pairs/{row}/{side}"] = decode_base64(text, f"/pairs/{row}/image_{side}_base64")
    if len(set(photos.values())) > MOST_PHOTOS:
        raise InvalidField.at("/pairs", f"at most {MOST_PHOTOS} photos are sent along; register the others first")
    if any(len(photo) > max_bytes for photo in photos.values()):
        raise UploadTooLarge(f"a photo has more than {max_bytes} bytes")
    unused = sorted(set(parts) - {getattr(pair, f"image_{side}") for pair in fields.pairs for side in "ab"})
    if unused:
        raise InvalidField.at(f"/{unused[0]}", "no pair names this photo")
    return photos


def _checked(kind: type[Fields], content: dict[str, Any]) -> Fields:
    """Raises InvalidField."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise invalid_fields(error) from error
