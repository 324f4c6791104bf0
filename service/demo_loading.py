"""Registers the drawn demo catalogue where the index is empty."""

from __future__ import annotations

import asyncio

import structlog

from index.types import DEFAULT_TENANT
from service.access.tenancy import TenantCatalogue
from service.capacity import Lane
from service.demo.catalogue import demo_catalogue
from service.errors import NoGarmentFound
from service.requests import AddFields
from service.selvedge import Selvedge

log = structlog.get_logger()


async def fill_empty_index(service: Selvedge) -> int:
    """How many demo designs were registered; 0 where the index already holds something."""
    stats = await asyncio.to_thread(TenantCatalogue(service.registry, DEFAULT_TENANT).stats)
    if stats.counts.items:
        return 0
    added = 0
    items = demo_catalogue()
    while (item := await asyncio.to_thread(next, items, None)) is not None:
        fields = AddFields(
            item_id=item.item_id, seller_id=item.seller_id, title=item.title, published_at=item.published_at
        )
        try:
            await service.registrar.add(item.jpeg, fields, DEFAULT_TENANT, Lane.BULK)
        except NoGarmentFound:
            log.warning("demo_design_not_seen", item_id=item.item_id)
        else:
            added += 1
    log.info("demo_loaded", items=added)
    return added
