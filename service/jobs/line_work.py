"""What is done with one line of a job: an add or a check, as their routes do it, in the bulk lane."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from index.job_types import Job
from service.capacity import Lane
from service.check import PlagiarismChecker
from service.errors import InvalidField, UrlIntakeOff
from service.fetching.fetcher import UrlFetcher
from service.jobs.lines import Line
from service.problems import invalid_fields
from service.registration import Registrar
from service.requests import AddFields, CheckFields

Fields = TypeVar("Fields", bound=BaseModel)
_PHOTO_FIELDS = ("image_base64", "image_url", "sha256")


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a line: `created` where a photo is new; `answer` is kept as the line's result."""

    created: bool = False
    answer: Mapping[str, Any] | None = None


class LineWork(Protocol):
    """One kind of job. `photo`: what the line carries, None where it names a URL. Raises what the route would."""

    async def __call__(self, job: Job, line: Line, photo: bytes | None) -> Worked: ...


@dataclass(frozen=True, slots=True)
class PhotoOfLine:
    """The photo of a line, wherever it is."""

    fetcher: UrlFetcher | None

    async def of(self, line: Line, photo: bytes | None) -> bytes:
        """Raises InvalidField, UrlIntakeOff, UrlRefused, UrlFailed, UploadTooLarge."""
        url = line.fields.get("image_url")
        if photo is not None and url is not None:
            raise InvalidField.at("/image_url", "send the photo or its URL, not both")
        if photo is None:
            if url is None:
                raise InvalidField.at("/image_base64", "a photo is required")
            if self.fetcher is None:
                raise UrlIntakeOff("image_url: fetching photos from URLs is switched off; send the photo itself")
            if not isinstance(url, str):
                raise InvalidField.at("/image_url", "is no text")
            photo = await self.fetcher.fetch(url)
        if not photo:
            raise InvalidField.at("/image_base64", "a photo is required")
        said = line.fields.get("sha256")
        if said is not None and said != hashlib.sha256(photo).hexdigest():
            raise InvalidField.at("/sha256", "is not that of the photo")
        return photo


@dataclass(frozen=True, slots=True)
class AddLine:
    """`POST /index/add`: idempotent, so that a line may be worked on again after a crash."""

    registrar: Registrar
    photos: PhotoOfLine

    async def __call__(self, job: Job, line: Line, photo: bytes | None) -> Worked:
        fields = _checked(AddFields, line.fields)
        data = await self.photos.of(line, photo)
        added = await self.registrar.add(data, fields, job.tenant, Lane.BULK)
        return Worked(created=added.created)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """`POST /check-plagiarism`; `item_id` is the caller's name for the photo and excludes nothing.

    Nothing is drawn: answers stay in the record for weeks, and a drawing is many times the photo. Raises InvalidField.
    """

    checker: PlagiarismChecker
    photos: PhotoOfLine

    async def __call__(self, job: Job, line: Line, photo: bytes | None) -> Worked:
        fields = _checked(CheckFields, {name: value for name, value in line.fields.items() if name != "item_id"})
        if "overlay" in fields.include:
            raise InvalidField.at("/include", "overlay is not drawn in bulk; POST /check-plagiarism draws it")
        data = await self.photos.of(line, photo)
        answer = await self.checker.check(data, fields, job.tenant, Lane.BULK)
        return Worked(answer=answer.model_dump(mode="json"))


def _checked(kind: type[Fields], values: Mapping[str, Any]) -> Fields:
    try:
        return kind.model_validate({name: value for name, value in values.items() if name not in _PHOTO_FIELDS})
    except ValidationError as error:
        raise invalid_fields(error) from error
