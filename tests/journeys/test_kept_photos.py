"""Photos of checks are kept only where that is switched on: without EXIF, for their tenant, erased with the check."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from models.preprocessing import ImageLimits, decode
from service.access.keys import Scope
from tests.journeys.conftest import check, served, settings_for
from tests.journeys.test_access import make_key
from tests.photos import draw_pattern, photo

_ORIENTATION = 0x0112
_MAKER = 0x010F


def photo_with_exif(seed: int) -> bytes:
    """A JPEG that lies on its side, and whose EXIF says so and who made it."""
    exif = PillowImage.Exif()
    exif[_ORIENTATION] = 6
    exif[_MAKER] = "a name that is nobody's business"
    out = io.BytesIO()
    turned = np.rot90(draw_pattern(seed), 1).astype(np.uint8)
    PillowImage.fromarray(turned).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def held_in(folder: Path) -> bytes:
    """Every byte of the data dir."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_photo_is_kept_unless_it_is_switched_on(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """A check without its photo is not the same as no check."""
    answer = (await check(client, photo(2))).json()
    refused = await client.get(f"/checks/{answer['check_id']}/photo")
    assert "was not kept" in refused.json()["detail"]
    assert (refused.status_code, refused.json()["code"]) == (404, "check_not_found")
    unknown = await client.get("/checks/chk_none/photo")
    assert "was not kept" not in unknown.json()["detail"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "check_not_found")


@pytest.mark.parametrize("redis_url", ["off", None], ids=["looked at", "cached"])
async def test_a_kept_photo_is_upright_without_exif_and_goes_with_its_check(
    tmp_path: Path, redis_url: str | None
) -> None:
    """Boxes and points are pixels of it; a cached answer's is kept too."""
    data = photo_with_exif(2)
    async with served(settings_for(tmp_path, checks={"keep_photos": True}, redis_url=redis_url)) as client:
        first = (await check(client, data)).json()
        answer = (await check(client, data)).json()
        assert answer["cached"] is (redis_url is None)
        found = await client.get(f"/checks/{answer['check_id']}/photo")
        assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
        assert found.headers["cache-control"] == "no-store"
        with PillowImage.open(io.BytesIO(found.content)) as kept:
            assert dict(kept.getexif()) == {}
            assert kept.size == (answer["image"]["width"], answer["image"]["height"])
            assert np.abs(np.asarray(kept).astype(int) - decode(data, ImageLimits()).pixels).mean() < 4
        pieces = [found.content[at : at + 100] for at in range(0, len(found.content) - 100, 100)]
        assert b"nobody's business" not in held_in(tmp_path)
        assert any(piece in held_in(tmp_path) for piece in pieces), "no trace to erase: this test shows nothing"

        for erased in (first, answer):
            assert (await client.delete(f"/checks/{erased['check_id']}")).status_code == 204
        assert (await client.get(f"/checks/{answer['check_id']}/photo")).status_code == 404
        held = held_in(tmp_path)
        assert not any(piece in held for piece in pieces)


async def test_a_kept_photo_is_shown_to_its_tenant_s_checkers_and_reviewers(tmp_path: Path) -> None:
    """To no other tenant, and to no key that registers alone."""
    settings = settings_for(tmp_path, checks={"keep_photos": True})
    ours = make_key(settings, Scope.CHECK)
    expected: tuple[tuple[dict[str, str], int], ...] = (
        (ours, 200), (make_key(settings, Scope.REVIEW), 200), (make_key(settings, Scope.INDEX), 403),
        (make_key(settings, Scope.CHECK, tenant="other"), 404), ({}, 401),
    )  # fmt: skip
    async with served(settings) as client:
        sent = await client.post("/check-plagiarism", files={"image": ("a.png", photo(2))}, headers=ours)
        address = f"/checks/{sent.json()['check_id']}/photo"
        for key, status in expected:
            assert (await client.get(address, headers=key)).status_code == status


async def test_a_photo_goes_with_its_time(tmp_path: Path) -> None:
    """Days that are over by a setting count as well; with none at all nothing is kept."""
    async with served(settings_for(tmp_path, checks={"keep_photos": True})) as client:
        answer = (await check(client, photo(2))).json()
    async with served(settings_for(tmp_path, checks={"keep_photos": True, "keep_days": 0})) as client:
        assert (await client.get(f"/checks/{answer['check_id']}/photo")).status_code == 404
        await check(client, photo(3))
    assert (tmp_path / "checks.sqlite").read_bytes().count(b"\xff\xd8\xff") == 0
