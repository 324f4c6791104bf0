"""A tenant's own catalogue: the one place where routes hand the tenant to the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.registry import Registry
from index.types import (
    Added,
    CatalogueItem,
    Hit,
    IndexStats,
    ItemDetails,
    ItemFilters,
    ItemPage,
    NewPhoto,
    Query,
)


@dataclass(frozen=True, slots=True)
class TenantCatalogue:
    """The registry as one tenant sees it: an item of another tenant is as if it were not there.

    Whoever answers a caller goes through here, never to the registry itself.
    """

    registry: Registry
    tenant: str

    @property
    def sequence(self) -> int:
        return self.registry.sequence

    def add(self, photo: NewPhoto, data: bytes) -> Added:
        return self.registry.add(photo, data)

    def get(self, item_id: str) -> CatalogueItem:
        return self.registry.get(item_id)

    def patch(self, item_id: str, details: ItemDetails) -> CatalogueItem:
        return self.registry.patch(item_id, details)

    def delete(self, item_id: str) -> None:
        self.registry.delete(item_id)

    def page(self, cursor: str | None, limit: int, filters: ItemFilters) -> ItemPage:
        return self.registry.list(cursor, limit, filters)

    def photo_bytes(self, item_id: str, photo_id: str) -> bytes:
        return self.registry.photo_bytes(item_id, photo_id)

    def search(self, query: Query) -> Sequence[Hit]:
        return self.registry.search(query)

    def stats(self) -> IndexStats:
        return self.registry.stats()
