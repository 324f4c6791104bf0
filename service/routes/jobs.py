"""Bulk work: many adds or checks in one upload, worked through after the checks that people wait for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from index.job_types import JobKind
from service.access.gate import caller_of
from service.access.keys import Scope
from service.jobs.intake import NDJSON_TYPES, ZIP_TYPES
from service.routes.documented import problems, service_of, tenant_of
from service.routes.intake import counted_body, refuse_unknown_query
from service.schemas_jobs import JobDetailOut, JobOut, JobPageOut, LineProblemOut

router = APIRouter(tags=["jobs"])

NDJSON = NDJSON_TYPES[0]
_SCOPES = {JobKind.ADDS: Scope.INDEX, JobKind.CHECKS: Scope.CHECK}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            ZIP_TYPES[0]: {"schema": {"type": "string", "format": "binary"}},
            NDJSON: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_LOCATION = {"Location": {"description": "The job", "schema": {"type": "string"}}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "The upload is durable and will be worked on", "headers": _LOCATION}
}
_REFUSED = problems(400, 413, 415, 422, 429, 503, 507)
_RESULTS = {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "A line each, in the upload's order"}
Cursor = Annotated[str | None, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/index/bulk", status_code=202, responses=_ACCEPTED | _REFUSED, openapi_extra=_BODY)
async def add_many(request: Request, response: Response) -> JobOut:
    """Register many photos: a ZIP, or NDJSON with the fields of an add and `image_base64` (or `image_url`) a line.

    In a ZIP an item is called like its file, unless `items.csv` or `items.ndjson` in it says `file`, `item_id`
    and more.
    """
    return await _accept(request, response, JobKind.ADDS)


@router.post("/check-plagiarism/bulk", status_code=202, responses=_ACCEPTED | _REFUSED, openapi_extra=_BODY)
async def check_many(request: Request, response: Response) -> JobOut:
    """Check many photos: the same forms of upload, with the fields of a check; `item_id` names a line's result."""
    return await _accept(request, response, JobKind.CHECKS)


@router.get("/jobs", dependencies=[Depends(refuse_unknown_query)], responses=problems(422, 503))
async def list_jobs(request: Request, cursor: Cursor = None, limit: Limit = 50) -> JobPageOut:
    """The caller's jobs, youngest first, a page at a time."""
    page = await service_of(request).jobs.list(tenant_of(request), _kinds(request), cursor, limit)
    return JobPageOut(jobs=[JobOut.of(job) for job in page.jobs], next_cursor=page.next_cursor)


@router.get("/jobs/{job_id}", dependencies=[Depends(refuse_unknown_query)], responses=problems(404, 422, 503))
async def read_job(request: Request, job_id: str, cursor: Cursor = None, limit: Limit = 50) -> JobDetailOut:
    """How far a job is, and a page of the lines that were refused."""
    desk = service_of(request).jobs
    job = await desk.get(job_id, tenant_of(request), _kinds(request))
    page = await desk.problems(job, cursor, limit)
    errors = [LineProblemOut.of(problem) for problem in page.problems]
    return JobDetailOut(**dict(JobOut.of(job)), errors=errors, next_cursor=page.next_cursor)


@router.get("/jobs/{job_id}/results", responses={200: _RESULTS, **problems(404, 503)}, response_class=StreamingResponse)
async def read_results(request: Request, job_id: str) -> StreamingResponse:
    """The answers of a job of checks so far, as NDJSON: `line`, `file`, `item_id`, and `check` or `problem`."""
    desk = service_of(request).jobs
    job = await desk.get(job_id, tenant_of(request), _kinds(request))
    return StreamingResponse(_with_newlines(desk.results(job)), media_type=NDJSON)


@router.delete("/jobs/{job_id}", status_code=204, responses=problems(404, 503))
async def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job that is not done; what it did stays. One at its end is forgotten, with errors and results."""
    desk = service_of(request).jobs
    await desk.cancel_or_forget(await desk.get(job_id, tenant_of(request), _kinds(request)))
    return Response(status_code=204)


async def _accept(request: Request, response: Response, kind: JobKind) -> JobOut:
    service, tenant = service_of(request), tenant_of(request)
    await service.jobs.intake.refuse_if_full(tenant)
    body = counted_body(request, service.settings.jobs.max_bytes, service.settings.uploads.bulk_pace())
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    job = await service.jobs.intake.accept(body, media_type, kind, tenant)
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return JobOut.of(job)


def _kinds(request: Request) -> list[JobKind]:
    """What the caller might have asked for itself."""
    caller = caller_of(request.scope)
    return [kind for kind, scope in _SCOPES.items() if caller.may(frozenset({scope}))]


def _with_newlines(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line + b"\n"
