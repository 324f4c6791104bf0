"""Errors of what the index remembers.

CatalogueError
├── ItemNotFound (LookupError)     no such item, photo or garment
├── WeightsNotFound (LookupError)  no such version of a group's region weights
├── JobNotFound (LookupError)      no such job
├── InvalidQuery (ValueError)      a query or filter that breaks its own rules
├── EmbeddingMismatch (ValueError) embeddings of another model version or dimension
├── PhotoDamaged                   the stored bytes of a photo are not what was registered
├── SnapshotUnusable               a snapshot that cannot be trusted; the index is rebuilt from the record
├── LeaseHeld                      another process does this now
├── LeaseLost                      the lease ran out meanwhile: what was prepared under it is given up
├── BackupUnusable                 a backup that cannot be trusted, or a place that it cannot be put
└── IndexUnavailable               not loaded, not caught up, or the record cannot be reached
"""


class CatalogueError(Exception):
    """Root of every error raised by `index`."""


class ItemNotFound(CatalogueError, LookupError):
    """No such item, photo or garment in the catalogue."""


class WeightsNotFound(CatalogueError, LookupError):
    """No such version in the history of a group's region weights."""


class JobNotFound(CatalogueError, LookupError):
    """No such job, or it was forgotten."""


class InvalidQuery(CatalogueError, ValueError):
    """A query or filter breaks its own rules; the caller's mistake."""


class EmbeddingMismatch(CatalogueError, ValueError):
    """Embeddings of another model version or dimension than the index holds; they are never compared."""


class PhotoDamaged(CatalogueError):
    """The stored bytes of a photo are not those that were registered; restore them from a backup."""


class SnapshotUnusable(CatalogueError):
    """A snapshot that is damaged, of another record or of other models."""


class LeaseHeld(CatalogueError):
    """Another process holds the lease and does the work now."""


class LeaseLost(CatalogueError):
    """The lease ran out, or another process took it over: what was prepared under it must not be published."""


class BackupUnusable(CatalogueError):
    """A backup is damaged, or there is something already where it is to be written or restored."""


class IndexUnavailable(CatalogueError):
    """The index is not loaded or not caught up, or the record cannot be reached."""
