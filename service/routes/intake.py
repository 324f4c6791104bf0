"""Request bodies → photos and fields, from multipart/form-data or application/json; bytes are counted as received."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.bodies import FIELDS_BYTES, BodyPace, beside_the_loop, counted, largest_form, largest_json
from service.errors import InvalidField, MalformedRequest, UnsupportedBody, UploadTooLarge, UrlIntakeOff
from service.fetching.fetcher import UrlFetcher
from service.held_bytes import hold_of, uploads_full
from service.problems import invalid_fields
from service.selvedge import Selvedge

Fields = TypeVar("Fields", bound=BaseModel)

_BASE64_PIECE = 1 << 20
"""Characters, in whole groups of four."""
_LISTS = frozenset({"categories", "include"})
_MOST_FIELDS = 64

log = structlog.get_logger()


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of lists: a misspelt filter would answer everything. Raises InvalidField."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            raise InvalidField.at(f"/{name}", f"unknown; known are {', '.join(sorted(known))}")


@dataclass(frozen=True, slots=True)
class Submission:
    """What arrived: photos by part name, and the other fields as they were written."""

    photos: Mapping[str, bytes]
    values: Mapping[str, Any]

    def fields(self, kind: type[Fields]) -> Fields:
        """The fields, checked. Raises InvalidField."""
        try:
            return kind.model_validate(dict(self.values))
        except ValidationError as error:
            raise invalid_fields(error) from error


async def read_submission(request: Request, photos: tuple[str, ...], service: Selvedge) -> Submission:
    """Read a body with these photos, or their URLs where the service fetches.

    Raises MalformedRequest, UnsupportedBody, UploadTooLarge, UploadTooSlow, UploadsFull, InvalidField, UrlIntakeOff,
    UrlRefused, UrlFailed.
    """
    max_bytes, pace = service.settings.images.max_bytes, service.settings.uploads.pace()
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        found = await read_form(request, largest_form(len(photos), max_bytes), pace)
    elif kind == "application/json":
        content, size = await read_json(request, largest_json(max_bytes, len(photos)), pace)
        found = await beside_the_loop(size, _decode_photos, content, photos)
    else:
        raise UnsupportedBody("send multipart/form-data or application/json")
    found = await _fetch_photos(found, photos, service.fetcher)
    for name in photos:
        if name in found.values or not found.photos.get(name):
            raise InvalidField.at(f"/{name}", "a photo is required, as a file part that is not empty")
        if len(found.photos[name]) > max_bytes:
            raise UploadTooLarge(f"{name} has {len(found.photos[name])} bytes; at most {max_bytes} are accepted")
    strangers = sorted(set(found.photos) - set(photos))
    if strangers:
        raise InvalidField.at(f"/{strangers[0]}", "no photo of this name is expected")
    return found


async def read_json(request: Request, max_bytes: int, pace: BodyPace) -> tuple[dict[str, Any], int]:
    """A JSON object of at most `max_bytes`, and how many bytes it has.

    Raises MalformedRequest, UploadTooLarge, UploadTooSlow, UploadsFull.
    """
    body = b"".join([chunk async for chunk in counted_body(request, max_bytes, pace)])
    return await beside_the_loop(len(body), _parsed, body), len(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise MalformedRequest("the body is no JSON object")
    return content


async def read_form(request: Request, max_bytes: int, pace: BodyPace, most_files: int = 4) -> Submission:
    """A form of at most `max_bytes`.

    Raises MalformedRequest, UploadTooLarge, UploadTooSlow, UploadsFull (also where parts find no room on the disk),
    InvalidField.
    """
    parser = MultiPartParser(
        request.headers,
        counted_body(request, max_bytes, pace),
        max_files=most_files,
        max_fields=_MOST_FIELDS,
        max_part_size=FIELDS_BYTES,
    )
    try:
        form = await parser.parse()
    except OSError as error:
        log.error("part_not_spooled", error=str(error))
        raise uploads_full() from error
    except MultiPartException as error:
        raise MalformedRequest(f"the form cannot be taken apart: {error.message}") from error
    photos: dict[str, bytes] = {}
    values: dict[str, Any] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name in photos:
                    raise InvalidField.at(f"/{name}", "is given more than once")
                photos[name] = await value.read()
            elif name not in values:
                values[name] = value
            elif name in _LISTS:
                values[name] = f"{values[name]},{value}"
            else:
                raise InvalidField.at(f"/{name}", "is given more than once")
    finally:
        await form.close()
    return Submission(photos, values)


def _decode_photos(content: dict[str, Any], names: tuple[str, ...]) -> Submission:
    photos: dict[str, bytes] = {}
    for name in names:
        text = content.pop(f"{name}_base64", None)
        if text is None:
            continue
        if not isinstance(text, str):
            raise InvalidField.at(f"/{name}_base64", "is no text")
        photos[name] = decode_base64(text, f"/{name}_base64")
    return Submission(photos, content)


def decode_base64(text: str, pointer: str) -> bytes:
    """Base64, or a data URI of it. Raises InvalidField."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return _from_base64(text)
    except (binascii.Error, ValueError) as error:
        raise InvalidField.at(pointer, f"is no base64: {error}") from error


def _from_base64(text: str) -> bytes:
    """Piece by piece: a call keeps the interpreter to itself, and the event loop waiting. Raises ValueError."""
    last = (len(text) - 1) // _BASE64_PIECE * _BASE64_PIECE
    if text.find("=", 0, last) >= 0:
        raise binascii.Error("padding before the end")
    starts = range(0, len(text), _BASE64_PIECE)
    return b"".join(base64.b64decode(text[start : start + _BASE64_PIECE], validate=True) for start in starts)


async def _fetch_photos(found: Submission, names: tuple[str, ...], fetcher: UrlFetcher | None) -> Submission:
    """The submission with the photos whose URLs it named."""
    photos, values = dict(found.photos), dict(found.values)
    for name in names:
        if f"{name}_url" not in values:
            continue
        url = values.pop(f"{name}_url")
        if fetcher is None:
            raise UrlIntakeOff(f"{name}_url: fetching photos from URLs is switched off; send the photo itself")
        if name in photos:
            raise InvalidField.at(f"/{name}_url", "send the photo or its URL, not both")
        if not isinstance(url, str):
            raise InvalidField.at(f"/{name}_url", "is no text")
        photos[name] = await fetcher.fetch(url)
    return Submission(photos, values)


def counted_body(request: Request, max_bytes: int, pace: BodyPace) -> AsyncGenerator[bytes, None]:
    """Raises UploadTooLarge, UploadTooSlow, UploadsFull."""
    announced = request.headers.get("content-length", "")
    return counted(request.stream(), announced, max_bytes, pace, hold_of(request.scope))
