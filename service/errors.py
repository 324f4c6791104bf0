"""Errors of what the service says, and the one table from error to answer.

ServiceError
├── RequestError (ValueError)     the caller's mistake; may point at a field
│   ├── MalformedRequest          the body cannot be taken apart
│   ├── UnsupportedBody           neither multipart/form-data nor application/json
│   ├── UploadTooLarge            more bytes than the limit, counted as received
│   ├── InvalidField              a field is missing or wrong
│   ├── UrlIntakeOff              `image_url` where fetching is switched off
│   └── NoGarmentFound            nothing to register in the photo
├── CheckNotFound (LookupError)   no such check, or kept no longer
├── ChecksUnavailable             the store of checks cannot be used
├── Overloaded                    the queue is full; knows when to come back
├── ReadOnly                      the disk is too full to register anything; checks go on
├── NotReady                      models or index are not there yet
├── SettingsError (ValueError)    settings that cannot be used; stops the start
└── PolicyError (ValueError)      a policy file that cannot be trusted; stops the start
"""

from __future__ import annotations

from dataclasses import dataclass

from index import errors as index_errors
from models import errors as models_errors


class ServiceError(Exception):
    """Root of every error raised by `service`."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field; `pointer` is a JSON pointer into the request (`/weights/collar`)."""

    pointer: str
    message: str


class RequestError(ServiceError, ValueError):
    """The caller's mistake."""

    def __init__(self, message: str, problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class MalformedRequest(RequestError):
    """The body cannot be taken apart."""


class UnsupportedBody(RequestError):
    """The body is neither multipart/form-data nor application/json."""


class UploadTooLarge(RequestError):
    """More bytes arrived than the limit allows."""


class InvalidField(RequestError):
    """A field is missing or has a value that it cannot have."""

    @staticmethod
    def at(pointer: str, message: str) -> InvalidField:
        return InvalidField(f"{pointer.lstrip('/')}: {message}", (FieldProblem(pointer, message),))


class UrlIntakeOff(RequestError):
    """`image_url` was given, and fetching photos is switched off."""


class NoGarmentFound(RequestError):
    """The photo holds no garment to register."""


class CheckNotFound(ServiceError, LookupError):
    """No such check, or it is kept no longer."""


class ChecksUnavailable(ServiceError):
    """The store of checks cannot be used (disk full, database away)."""


class Overloaded(ServiceError):
    """The queue is full. `retry_after_s`: when a worker is likely to be free."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many requests are waiting; try again later")
        self.retry_after_s = retry_after_s


class ReadOnly(ServiceError):
    """The disk is too full to register anything: nothing was stored, checks go on."""


class NotReady(ServiceError):
    """Models are not warm or the index is not caught up yet."""


class SettingsError(ServiceError, ValueError):
    """Settings that cannot be used."""


class PolicyError(ServiceError, ValueError):
    """The policy file cannot be trusted."""


PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    MalformedRequest: (400, "malformed_request"),
    UnsupportedBody: (415, "unsupported_body"),
    UploadTooLarge: (413, "upload_too_large"),
    InvalidField: (422, "invalid_field"),
    UrlIntakeOff: (422, "url_intake_off"),
    NoGarmentFound: (422, "no_garment"),
    CheckNotFound: (404, "check_not_found"),
    ChecksUnavailable: (503, "checks_unavailable"),
    Overloaded: (503, "overloaded"),
    ReadOnly: (507, "read_only"),
    NotReady: (503, "not_ready"),
    models_errors.ModelBusy: (503, "models_busy"),
    models_errors.UnsupportedFormat: (415, "unsupported_format"),
    models_errors.ImageTooLarge: (413, "image_too_large"),
    models_errors.ImageTooSmall: (422, "image_too_small"),
    models_errors.UndecodableImage: (422, "undecodable_image"),
    index_errors.ItemNotFound: (404, "item_not_found"),
    index_errors.InvalidQuery: (422, "invalid_query"),
    index_errors.EmbeddingMismatch: (503, "index_of_other_models"),
    index_errors.IndexUnavailable: (503, "index_unavailable"),
}
"""Error → (status, code). Codes are stable: callers branch on them."""


def status_and_code(error: Exception) -> tuple[int, str]:
    """The answer to an error: that of its nearest class in the table, or 500."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return 500, "internal_error"
