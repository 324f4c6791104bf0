"""A tenant's own catalogue: the one place where routes hand the tenant to the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.print_search import PrintHit
from index.registry import Registry
from index.types import (
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


@dataclass(frozen=True, slots=True)
class TenantCatalogue:
    """The registry as one tenant sees it: an item of another tenant is as if it were not there.

    Whoever answers a caller goes through here, never to the registry itself.
    """

    registry: Registry
    tenant: str

    @property
    def sequence(self) -> int:
        """Raises IndexUnavailable while searches are not answered: nor is what they answered before."""
        self.registry.require_ready()
        return self.registry.sequence

    def add(self, photo: NewPhoto, data: bytes) -> Added:
        return self.registry.add(replace(photo, tenant=self.tenant), data)

    def get(self, item_id: str) -> CatalogueItem:
        return self.registry.get(item_id, self.tenant)

    def patch(self, item_id: str, details: ItemDetails) -> CatalogueItem:
        return self.registry.patch(item_id, details, self.tenant)

    def delete(self, item_id: str) -> None:
        self.registry.delete(item_id, self.tenant)

    def page(self, cursor: str | None, limit: int, filters: ItemFilters) -> ItemPage:
        return self.registry.list(cursor, limit, replace(filters, tenant=self.tenant))

    def photo_bytes(self, item_id: str, photo_id: str) -> bytes:
        return self.registry.photo_bytes(item_id, photo_id, self.tenant)

    def search(self, query: Query) -> Sequence[Hit]:
        return self.registry.search(replace(query, filters=replace(query.filters, tenant=self.tenant)))

    def search_prints(self, prints: tuple[tuple[bytes, ...], ...], radius: int, filters: Filters) -> Sequence[PrintHit]:
        return self.registry.search_prints(prints, radius, replace(filters, tenant=self.tenant))

    def stats(self) -> IndexStats:
        """How much is the tenant's; what others have registered is not told in any number."""
        stats = self.registry.stats(self.tenant)
        return replace(stats, searchable=stats.counts.designs.get(stats.models_version, 0) if stats.ready else 0)
