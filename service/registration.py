"""POST /index/add behind the wire: look at the photo, choose the design, register it durably."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from index.registry import Registry
from index.types import Added, NewPhoto
from models.runtime.describe import pick_garment
from service.access.tenancy import TenantCatalogue
from service.capacity import Capacity, Lane
from service.disk import DiskGuard
from service.errors import NoGarmentFound
from service.images import PhotoReader
from service.judging import Rules, warnings_of
from service.observability import Metrics
from service.requests import AddFields
from service.schemas import GarmentOut, ImageOut, VersionsOut, garment_fields
from service.schemas_catalogue import AddedOut


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers photos. The same models look at them as at queries, told the same category."""

    reader: PhotoReader
    registry: Registry
    rules: Callable[[], Rules]
    capacity: Capacity
    disk: DiskGuard
    metrics: Metrics

    async def add(self, data: bytes, fields: AddFields, tenant: str, lane: Lane = Lane.CHECKS) -> AddedOut:
        """Durable and searchable once this returns. Raises NoGarmentFound, ReadOnly, and nothing is stored then."""
        started = time.perf_counter()
        self.disk.require_room()
        async with self.capacity.admitted(lane):
            seen = await self.reader.look(data, tenant, fields.category)
            photo = seen.described
            if not photo.garments:
                raise NoGarmentFound("no garment was found in the photo; nothing was stored")
            design = pick_garment([garment.detection for garment in photo.garments], fields.category)
            new = NewPhoto(
                item_id=fields.item_id,
                details=fields.details(),
                sha256=photo.sha256,
                width=photo.width,
                height=photo.height,
                models_version=photo.models_version,
                garments=photo.garments,
                design=design,
                replace=fields.replace,
                fingerprint=photo.prints[0][0] if photo.prints else None,
            )
            stored = time.perf_counter()
            added: Added = await self.capacity.run(TenantCatalogue(self.registry, tenant).add, new, data)
            now = time.perf_counter()
        timings = seen.timings_ms | {"store": (now - stored) * 1e3, "total": (now - started) * 1e3}
        self.metrics.stages(timings)
        rules = self.rules()
        warnings = [warnings_of(garment, rules.policy) for garment in photo.garments]
        return AddedOut(
            item_id=added.item_id,
            photo_id=added.photo_id,
            created=added.created,
            design=design,
            image=ImageOut.of(photo),
            garments=[
                GarmentOut(**garment_fields(garment, found))
                for garment, found in zip(photo.garments, warnings, strict=True)
            ],
            warnings=list(dict.fromkeys(warning for found in warnings for warning in found)),
            versions=VersionsOut.of(rules.versions(photo.models_version, added.sequence)),
            timings_ms={stage: round(spent, 2) for stage, spent in timings.items()},
        )
