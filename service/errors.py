"""Errors of what the service says, and the one table from error to answer.

ServiceError
├── RequestError (ValueError)     the caller's mistake; may point at a field
│   ├── MalformedRequest          the body cannot be taken apart
│   ├── UnsupportedBody           neither multipart/form-data nor application/json
│   ├── UploadTooLarge            more bytes than the limit, counted as received
│   ├── InvalidField              a field is missing or wrong
│   ├── UploadTooSlow             the body comes too slowly to wait for
│   ├── UrlIntakeOff              `image_url` where fetching is switched off
│   ├── UrlRefused                a URL that is not fetched: not https, not on the list, not a public address
│   ├── UrlFailed                 a URL that did not give a photo in time
│   ├── KeyReused                 an Idempotency-Key with another body than before
│   ├── StillRunning              a request with this Idempotency-Key is in flight
│   ├── DamagedArchive            a ZIP that cannot be read, is encrypted, or holds no line
│   ├── UnsafeArchive             a ZIP with names that lead out of it, twice the same one, or links
│   ├── NestedArchive             an archive inside a ZIP
│   ├── ArchiveBomb               a ZIP that unfolds to far more than it is
│   ├── TooManyLines              more lines or files than one job may have
│   ├── TooManyJobs               the tenant has enough jobs that are not done
│   └── NoGarmentFound            nothing to register in the photo
├── AccessError (ValueError)      who asks may not
│   ├── InvalidKey                no API key, or one that is unknown, expired or revoked
│   ├── NotPermitted              the key is for something else
│   └── RateExceeded              the key asked too often; knows when to come back
├── KeyNotFound (LookupError)     no such API key (command line only)
├── KeysUnavailable               the table of API keys cannot be used
├── CheckNotFound (LookupError)   no such check, or kept no longer
├── ChecksUnavailable             the store of checks cannot be used
├── DecoderUnavailable            no process to decode photos could be started
├── Overloaded                    the queue is full; knows when to come back
│   └── UploadsFull               bodies on their way hold all the room there is
├── ReadOnly                      the disk is too full to register anything; checks go on
├── NotReady                      models or index are not there yet
├── SettingsError (ValueError)    settings that cannot be used; stops the start
└── PolicyError (ValueError)      a policy file that cannot be trusted; stops the start
"""

from __future__ import annotations

from collections.abc import Mapping
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


class UploadTooSlow(RequestError):
    """The body comes too slowly, or stopped coming."""


class UrlIntakeOff(RequestError):
    """`image_url` was given, and fetching photos is switched off."""


class UrlRefused(RequestError):
    """A URL that is not fetched: not https, a host that is not on the list, an address that is not public."""


class UrlFailed(RequestError):
    """The URL's host did not answer with a photo in time."""


class KeyReused(RequestError):
    """The Idempotency-Key was used before, with another body."""


class StillRunning(RequestError):
    """A request with this Idempotency-Key is in flight."""


class DamagedArchive(RequestError):
    """A ZIP that cannot be read, is encrypted, or holds no line."""


class UnsafeArchive(RequestError):
    """A ZIP whose names lead out of it or are there twice, or that holds links."""


class NestedArchive(RequestError):
    """An archive inside a ZIP."""


class ArchiveBomb(RequestError):
    """A ZIP that unfolds to far more than it is."""


class TooManyLines(RequestError):
    """More lines or files than one job may have."""


class TooManyJobs(RequestError):
    """The tenant has enough jobs that are not done yet."""


class NoGarmentFound(RequestError):
    """The photo holds no garment to register."""


class AccessError(ServiceError, ValueError):
    """Who asks may not. `headers` go with the answer."""

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})


class InvalidKey(AccessError):
    """No API key, or one that is unknown, expired or revoked."""


class NotPermitted(AccessError):
    """The caller is known, and this is not theirs to do."""


class RateExceeded(AccessError):
    """The key asked more often than it may."""


class KeyNotFound(ServiceError, LookupError):
    """No such API key."""


class KeysUnavailable(ServiceError):
    """The table of API keys cannot be used; nobody is let in on trust."""


class CheckNotFound(ServiceError, LookupError):
    """No such check, or it is kept no longer."""


class ChecksUnavailable(ServiceError):
    """The store of checks cannot be used (disk full, database away)."""


class DecoderUnavailable(ServiceError):
    """No process to decode photos could be started; says nothing about the photo."""


class Overloaded(ServiceError):
    """The queue is full. `retry_after_s`: when a worker is likely to be free."""

    def __init__(self, retry_after_s: int, message: str = "too many requests are waiting; try again later") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UploadsFull(Overloaded):
    """Bodies on their way hold all the room there is, in memory or where they are spooled to."""


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
    UploadTooSlow: (408, "upload_too_slow"),
    UrlIntakeOff: (422, "url_intake_off"),
    UrlRefused: (422, "url_refused"),
    UrlFailed: (422, "url_failed"),
    KeyReused: (422, "idempotency_key_reused"),
    StillRunning: (409, "still_running"),
    InvalidKey: (401, "invalid_key"),
    NotPermitted: (403, "not_permitted"),
    RateExceeded: (429, "rate_exceeded"),
    KeyNotFound: (404, "key_not_found"),
    KeysUnavailable: (503, "keys_unavailable"),
    DamagedArchive: (422, "damaged_archive"),
    UnsafeArchive: (422, "unsafe_archive"),
    NestedArchive: (422, "nested_archive"),
    ArchiveBomb: (422, "archive_bomb"),
    TooManyLines: (413, "too_many_lines"),
    TooManyJobs: (429, "too_many_jobs"),
    NoGarmentFound: (422, "no_garment"),
    CheckNotFound: (404, "check_not_found"),
    ChecksUnavailable: (503, "checks_unavailable"),
    DecoderUnavailable: (503, "decoder_unavailable"),
    Overloaded: (503, "overloaded"),
    UploadsFull: (503, "uploads_full"),
    ReadOnly: (507, "read_only"),
    NotReady: (503, "not_ready"),
    models_errors.ModelBusy: (503, "models_busy"),
    models_errors.UnsupportedFormat: (415, "unsupported_format"),
    models_errors.ImageTooLarge: (413, "image_too_large"),
    models_errors.ImageTooSmall: (422, "image_too_small"),
    models_errors.UndecodableImage: (422, "undecodable_image"),
    index_errors.ItemNotFound: (404, "item_not_found"),
    index_errors.PhotoDamaged: (500, "photo_damaged"),
    index_errors.WeightsNotFound: (422, "unknown_weights"),
    index_errors.JobNotFound: (404, "job_not_found"),
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
