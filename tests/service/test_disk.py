"""Read-only before the disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.disk import DiskGuard
from service.errors import ReadOnly
from tests.journeys.conftest import add, check, served, settings_for
from tests.photos import photo

MORE_THAN_ANY_DISK_MB = 10**9


def test_a_disk_with_room_is_written_to(tmp_path: Path) -> None:
    """And one without is not."""
    DiskGuard(tmp_path, 1).require_room()
    with pytest.raises(ReadOnly, match="checks go on"):
        DiskGuard(tmp_path, 10**18).require_room()


async def test_a_service_without_room_checks_and_deletes_but_does_not_register(tmp_path: Path) -> None:
    """507 with a code of its own; it stays ready and says so."""
    async with served(settings_for(tmp_path)) as client:
        assert (await add(client, "SKU-1", photo(1))).status_code == 201
        assert "selvedge_read_only 0.0" in (await client.get("/metrics")).text
    async with served(settings_for(tmp_path, disk={"least_free_mb": MORE_THAN_ANY_DISK_MB})) as client:
        refused = await add(client, "SKU-2", photo(2))
        assert (refused.status_code, refused.json()["code"]) == (507, "read_only")
        assert (await check(client, photo(1))).json()["verdict"] == "image_copy"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["disk"]) == (200, "full: read only")
        assert "selvedge_read_only 1.0" in (await client.get("/metrics")).text
        assert (await client.delete("/index/items/SKU-1")).status_code == 204
        assert (await client.get("/index/stats")).json()["items"] == 0
