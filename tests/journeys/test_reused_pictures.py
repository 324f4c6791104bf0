"""A registered demo photo is uploaded again, cut, flipped, turned, marked, beside others: what HTTP answers."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image as PillowImage

from index.errors import IndexUnavailable
from models.taxonomy import Category
from models.training.data.image_attacks import Attack, PictureThief
from models.types import DescribedPhoto, Image
from service.access.tenancy import TenantCatalogue
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE
from tests.fakes import FakeDescriber
from tests.journeys.conftest import served, settings_for
from tests.photos import encode

REGISTERED = "demo-0"


class BlindToWidePhotos(FakeDescriber):
    """Sees no garment in a photo that is wider than high, as a detector does that was never shown one lying."""

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        seen = super().describe(image, category)
        if image.width > image.height:
            return dataclasses.replace(seen, garments=(), prints=seen.prints[:1])
        return seen


@functools.cache
def pixels_of(design: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A demo garment on a ground of its own, uint8 (520, 420, 3)."""
    return render(WARDROBE[design], Scene.drawn(seed, 420, 520)).pixels


def reused(attack: Attack) -> bytes:
    thief = PictureThief(tuple(pixels_of(design, 40 + design) for design in (3, 4, 5)))
    return thief.reuse("demo-0.jpg", pixels_of(0, 1), attack)


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service that has one demo photo registered."""
    async with served(settings_for(tmp_path)) as client:
        photo = encode(pixels_of(0, 1), "JPEG", quality=92)
        added = await client.post("/index/add", files={"image": photo}, data={"item_id": REGISTERED})
        assert added.status_code == 201, added.text
        yield client


async def check(client: httpx.AsyncClient, photo: bytes) -> dict[str, Any]:
    answer = await client.post("/check-plagiarism", files={"image": photo})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("attack", [Attack.RECOMPRESS, Attack.CROP, Attack.FLIP, Attack.WATERMARK, Attack.COLLAGE])
async def test_a_reused_picture_is_an_image_copy(shop: httpx.AsyncClient, attack: Attack) -> None:
    """With the evidence: where it lies, how sure that is."""
    answer = await check(shop, reused(attack))
    match = answer["garments"][0]["matches"][0]
    assert (answer["verdict"], match["item_id"], match["same_photo"]) == ("image_copy", REGISTERED, True)
    assert match["picture"]["confidence"] > 0.5
    assert match["picture"]["orientation"] == ("mirrored" if attack is Attack.FLIP else "upright")
    assert match["modified_regions"] == []


async def test_a_picture_turned_on_its_head_is_found_by_its_print(shop: httpx.AsyncClient) -> None:
    """No embedding knows it."""
    turned = encode(np.ascontiguousarray(np.rot90(pixels_of(0, 1), 2)), "JPEG", quality=90)
    answer = await check(shop, turned)
    picture = answer["garments"][0]["matches"][0]["picture"]
    assert (answer["verdict"], picture["print"], picture["orientation"]) == ("image_copy", "photo", "turned_180")
    assert picture["distance"] <= 20


async def test_a_part_painted_over_is_named_in_the_reused_picture(shop: httpx.AsyncClient) -> None:
    """The pixels say which region of the registered garment was altered."""
    [item] = (await check(shop, reused(Attack.RECOMPRESS)))["garments"]
    box = item["regions"]["waist"]["box"]
    scale = pixels_of(0, 1).shape[1] / decoded_width(reused(Attack.RECOMPRESS))
    painted = pixels_of(0, 1).copy()
    x1, y1, x2, y2 = (round(value * scale) for value in box)
    painted[y1:y2, x1:x2] = pixels_of(4, 44)[y1:y2, x1:x2][::-1]
    answer = await check(shop, encode(painted, "JPEG", quality=90))
    match = answer["garments"][0]["matches"][0]
    assert (match["same_photo"], match["verdict"], match["modified_regions"]) == (True, "partial_copy", ["waist"])
    assert match["regions"]["waist"]["alike"] < 0.5 < match["regions"]["collar"]["alike"]


async def test_the_design_on_another_ground_is_no_image_copy(shop: httpx.AsyncClient) -> None:
    """Photographed anew, it is another picture."""
    answer = await check(shop, encode(pixels_of(0, 9), "JPEG", quality=90))
    matches = answer["garments"][0]["matches"]
    assert answer["verdict"] != "image_copy"
    assert not any(match["same_photo"] for match in matches)


async def test_a_photo_without_a_garment_can_still_be_a_picture_of_one(shop: httpx.AsyncClient, tmp_path: Path) -> None:
    """The models saw none in it; its print is that of a registered photo."""
    folder = tmp_path / "blind"
    folder.mkdir()
    photo = encode(pixels_of(0, 1), "JPEG", quality=80)
    async with served(settings_for(folder), BlindToWidePhotos()) as client:
        added = await client.post("/index/add", files={"image": photo}, data={"item_id": REGISTERED})
        assert added.status_code == 201
        wide = encode(np.ascontiguousarray(np.rot90(pixels_of(0, 1))), "JPEG", quality=90)
        answer = await check(client, wide)
    assert (answer["garments"], answer["verdict"]) == ([], "image_copy")
    [found] = answer["pictures"]
    assert (found["item_id"], found["verdict"], found["picture"]["orientation"]) == (
        REGISTERED, "image_copy", "turned_270",
    )  # fmt: skip


def damage_the_photo(data_dir: Path) -> None:
    (stored,) = (path for path in data_dir.rglob("photos/**/*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"not what was uploaded")


def decoded_width(data: bytes) -> int:
    with PillowImage.open(io.BytesIO(data)) as opened:
        return opened.width


async def test_a_check_goes_by_prints_where_a_registered_photo_cannot_be_read(
    shop: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Its file was damaged on the disk: that is the operator's trouble, not the caller's."""
    damage_the_photo(tmp_path)
    answer = await check(shop, reused(Attack.RECOMPRESS))
    (match,) = answer["garments"][0]["matches"]
    assert match["verdict"] == "image_copy"
    assert (match["picture"]["print"], match["picture"]["confidence"]) == ("photo", None)
    assert [warning["code"] for warning in answer["warnings"]] == ["pictures_not_compared"]


async def test_what_could_not_be_read_just_now_is_read_by_the_next_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says that it may have missed something, and is not cached."""
    cropped = reused(Attack.CROP)

    def away(*_: object) -> bytes:
        raise IndexUnavailable("photos are away")

    async with served(settings_for(tmp_path, redis_url=None)) as cached:
        photo = encode(pixels_of(0, 1), "JPEG", quality=92)
        await cached.post("/index/add", files={"image": photo}, data={"item_id": REGISTERED})
        with monkeypatch.context() as fault:
            fault.setattr(TenantCatalogue, "photo_bytes", away)
            missed = await check(cached, cropped)
        assert [warning["code"] for warning in missed["warnings"]] == ["pictures_not_compared"]
        found = await check(cached, cropped)
        assert (found["cached"], found["verdict"], found["warnings"]) == (False, "image_copy", [])
        assert (await check(cached, cropped))["cached"] is True
