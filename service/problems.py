"""Errors as RFC 9457 problem+json: the only place that turns an exception into an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from index.errors import CatalogueError
from models.errors import ImageError, ModelBusy
from service.errors import (
    AccessError,
    FieldProblem,
    InvalidField,
    Overloaded,
    RequestError,
    ServiceError,
    TooManyJobs,
    UploadsFull,
    status_and_code,
)

MEDIA_TYPE = "application/problem+json"
_CODES = {400: "malformed_request", 404: "not_found", 405: "method_not_allowed", 413: "upload_too_large"}
_RETRY_AFTER_S = 2
_HANG_UP = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

log = structlog.get_logger()


def install_problem_handlers(app: FastAPI) -> None:
    """Every error of ours, of the framework and of nobody leaves as a problem."""
    for kind in (ServiceError, ImageError, ModelBusy, CatalogueError):
        app.add_exception_handler(kind, _answer_known)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_unknown)


def problem(
    status: int,
    code: str,
    detail: str,
    problems: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document (RFC 9457) with our `code`, `errors` and the request's id."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [{"pointer": item.pointer, "message": item.message} for item in problems],
        "request_id": correlation_id.get(),
    }
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def field_problems(error: ValidationError | RequestValidationError) -> tuple[FieldProblem, ...]:
    """What pydantic found, as JSON pointers."""
    return tuple(FieldProblem(_pointer(item["loc"]), str(item["msg"])) for item in error.errors())


def invalid_fields(error: ValidationError) -> InvalidField:
    """What pydantic found, as one error of ours."""
    found = tuple(
        FieldProblem(problem.pointer if problem.pointer != "/" else _named_in(problem.message), problem.message)
        for problem in field_problems(error)
    )
    return InvalidField("; ".join(f"{p.pointer.lstrip('/')}: {p.message}" for p in found), found)


def _named_in(message: str) -> str:
    """A rule about a whole model names its field first: "Value error, weights: …"."""
    return "/" + message.removeprefix("Value error, ").split(":")[0]


def _pointer(location: Sequence[str | int]) -> str:
    """RFC 6901, without the places that are the framework's."""
    parts = [str(part) for part in location if part not in ("query", "body", "path", "[key]")]
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


async def _answer_known(_request: Request, error: Exception) -> JSONResponse:
    return answer_to(error)


def answer_to(error: Exception) -> JSONResponse:
    """The problem that an error of ours becomes."""
    status, code = status_and_code(error)
    headers: dict[str, str] = {}
    if isinstance(error, AccessError):
        headers |= error.headers
    if status in _HANG_UP or isinstance(error, UploadsFull):
        # The rest of the body is not waited for.
        headers["Connection"] = "close"
    if status == HTTPStatus.CONFLICT:
        headers["Retry-After"] = "1"
    if isinstance(error, TooManyJobs):
        headers["Retry-After"] = "60"
    if isinstance(error, Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", exc_info=error)
        return problem(status, code, "something went wrong here; the log has the request id")
    problems = error.problems if isinstance(error, RequestError) else ()
    return problem(status, code, str(error), problems, headers)


async def _answer_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = field_problems(error)
    return problem(422, "invalid_field", "; ".join(f"{p.pointer.lstrip('/')}: {p.message}" for p in found), found)


async def _answer_framework(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, HTTPStatus(error.status_code).name.lower())
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


async def _answer_nobody(_request: Request, _error: Exception) -> JSONResponse:
    """The caller hung up while sending: nobody reads this, and it is no failure of ours."""
    return problem(400, "malformed_request", "the body ended before it was complete")


async def _answer_unknown(_request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", exc_info=error)
    return problem(500, "internal_error", "something went wrong here; the log has the request id")
