"""The one object that the service holds: the record, the photos and the live index, kept in step."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from index.catalogue import Catalogue
from index.errors import EmbeddingMismatch, IndexUnavailable, InvalidQuery, ItemNotFound
from index.following import FOLLOW_EVERY_S, Follower, Staleness
from index.live import LiveIndex
from index.photos import PhotoFiles, PhotoStore
from index.print_search import PrintHit, find_prints
from index.search import find_hits
from index.shards import Shards
from index.shared_live import KeptVectors, SharedLiveIndex
from index.snapshot import Snapshots
from index.types import (
    DEFAULT_TENANT,
    Added,
    CatalogueItem,
    Filters,
    Hit,
    IndexStats,
    ItemDetails,
    ItemFilters,
    ItemPage,
    NewPhoto,
    Query,
)
from index.upkeep import SNAPSHOT_EVERY, Upkeep
from index.vectors import VectorIndex
from models.runtime.running import Engine

log = logging.getLogger(__name__)


class Registry:
    """Durable before it answers, searchable when it has; may be used from any thread.

    Every method raises IndexUnavailable where the record or the disk cannot be used; call `start` first.
    """

    def __init__(
        self,
        database_url: str,
        data_dir: Path,
        models_version: str,
        vectors: VectorIndex | None = None,
        snapshot_every: int = SNAPSHOT_EVERY,
        follow_every_s: float = FOLLOW_EVERY_S,
        photos: PhotoStore | None = None,
    ) -> None:
        self._vectors = Shards(os.cpu_count() or 1) if vectors is None else vectors
        snapshots = Snapshots(data_dir / "snapshots") if isinstance(self._vectors, Shards) else None
        self._catalogue = Catalogue(database_url)
        self._photos: PhotoStore = PhotoFiles(data_dir / "photos") if photos is None else photos
        if isinstance(self._vectors, KeptVectors):
            self._live: LiveIndex = SharedLiveIndex(self._catalogue, self._vectors, models_version)
        else:
            self._live = LiveIndex(self._catalogue, self._vectors, models_version, snapshots)
        self._upkeep = Upkeep(self._catalogue, self._photos, self._live, snapshot_every if snapshots else 0)
        self._follower = Follower(self._catalogue, self._live, follow_every_s, self._upkeep.changed)

    def start(self) -> None:
        """Load the index, become ready and follow the record; what a crash left behind is swept. Once."""
        self._live.load()
        self._live.catch_up()
        self._follower.start()
        self._upkeep.start()

    def close(self) -> None:
        """Give up what goes on in the background, release threads and connections."""
        self._follower.stop()
        self._upkeep.stop()
        self._vectors.close()
        self._catalogue.close()

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What scans the vectors, where that can fall back to something slower."""
        return self._vectors.engines

    @property
    def ready(self) -> bool:
        """Whether the index is loaded."""
        return self._live.ready

    @property
    def stale(self) -> bool:
        """Whether the record holds changes that are not searched yet."""
        return self._live.stale

    @property
    def staleness(self) -> Staleness:
        """How far searches are behind the record, as of the last look at it; asks nothing."""
        return self._follower.staleness

    @property
    def searchable(self) -> int:
        """Garments that are searched; asks nothing."""
        return len(self._live)

    def undescribed(self) -> int:
        """Photos that other models described and these have not: until they are, searches miss them."""
        return self._catalogue.count_undescribed(self._live.models_version)

    @property
    def sequence(self) -> int:
        """The latest change that searches see: read it before a search whose answer is to be cached under it."""
        return self._live.sequence

    def require_ready(self) -> None:
        """Raises IndexUnavailable where searches are not answered."""
        self._live.require_ready()

    def catch_up(self) -> None:
        """Search at once what other processes committed to the same record, which else takes a moment."""
        self._live.catch_up()

    def add(self, photo: NewPhoto, data: bytes) -> Added:
        """Register a photo with its bytes. Raises EmbeddingMismatch, InvalidQuery."""
        self._live.require_ready()
        if photo.models_version != self._live.models_version:
            raise EmbeddingMismatch(f"the index holds {self._live.models_version}, the photo is of other models")
        if hashlib.sha256(data).hexdigest() != photo.sha256:
            raise InvalidQuery("sha256 is not that of the photo's bytes")
        replaced = self._catalogue.photo_hashes(photo.item_id, photo.tenant) if photo.replace else frozenset()
        with self._photos.stored(photo.sha256, data):
            added = self._catalogue.add(photo)
        self._live.catch_up(added.sequence)
        self._upkeep.changed()
        self._discard(replaced)
        return added

    def get(self, item_id: str, tenant: str = DEFAULT_TENANT) -> CatalogueItem:
        """Raises ItemNotFound."""
        return self._catalogue.get(item_id, tenant)

    def patch(self, item_id: str, details: ItemDetails, tenant: str = DEFAULT_TENANT) -> CatalogueItem:
        """Change the details that are said; metadata as RFC 7396 merges. Raises ItemNotFound, InvalidQuery."""
        self._live.require_ready()
        item = self._catalogue.patch(item_id, details, tenant)
        self._live.catch_up()
        self._upkeep.changed()
        return item

    def delete(self, item_id: str, tenant: str = DEFAULT_TENANT) -> None:
        """Forget an item, its photos and their bytes. Raises ItemNotFound."""
        self._live.require_ready()
        hashes = self._catalogue.photo_hashes(item_id, tenant)
        self._catalogue.delete(item_id, tenant)
        self._live.catch_up()
        self._upkeep.changed()
        self._discard(hashes)

    def list(self, cursor: str | None = None, limit: int = 50, filters: ItemFilters | None = None) -> ItemPage:
        """A page of a tenant's items, oldest first. Raises InvalidQuery."""
        return self._catalogue.list(cursor, limit, filters)

    def photo_bytes(self, item_id: str, photo_id: str, tenant: str = DEFAULT_TENANT) -> bytes:
        """A registered photo as it was uploaded. Raises ItemNotFound."""
        sha256 = self._catalogue.photo_hash(item_id, photo_id, tenant)
        if sha256 is None:
            raise ItemNotFound(f"item {item_id!r} has no photo {photo_id!r}")
        return self._photos.read(sha256)

    def search(self, query: Query) -> Sequence[Hit]:
        """The items that resemble the query most, best first. Raises EmbeddingMismatch."""
        return find_hits(query, self._live, self._catalogue)

    def search_prints(self, prints: tuple[tuple[bytes, ...], ...], radius: int, filters: Filters) -> Sequence[PrintHit]:
        """The registered photos whose prints are within `radius` bits of a query's (`DescribedPhoto.prints`)."""
        return find_prints(prints, radius, filters, self._live, self._catalogue)

    def stats(self, tenant: str | None = None) -> IndexStats:
        """The record, of one tenant or of all, and the live index side by side."""
        counts = self._catalogue.counts(tenant)
        version = self._live.models_version
        return IndexStats(
            counts=counts,
            searchable=len(self._live),
            undescribed=self._catalogue.count_undescribed(version, tenant),
            models_version=version,
            sequence=self._live.sequence,
            ready=self._live.ready,
            stale=self._live.stale,
        )

    def _discard(self, hashes: frozenset[str]) -> None:
        """What cannot be deleted now is deleted later: the record has forgotten it already."""
        for sha256 in hashes:
            try:
                self._photos.discard(sha256, self._catalogue.refers_to)
            except IndexUnavailable as error:
                log.warning("photo %s is to be deleted later: %s", sha256, error)
                self._upkeep.discard_later(sha256)
