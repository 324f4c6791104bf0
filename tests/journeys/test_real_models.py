"""The whole line with the shipped networks: drawn garments everywhere, real photos where ../shared/data is there."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PIL import Image as PillowImage
from PIL import ImageOps

from models.runtime.shipped import MODEL_NAMES
from models.training.data.readers import Fold, data_root, read_garments
from service.bootstrap import load_describer
from service.demo.catalogue import demo_catalogue, demo_copies
from service.settings import Settings
from service.verdict import Verdict
from tests.journeys.conftest import add, check, served, settings_for

WEIGHTS_DIR = Settings().weights_dir
"""SELVEDGE_WEIGHTS_DIR tries others than the shipped ones."""
MISSING = [name for name in MODEL_NAMES if not (WEIGHTS_DIR / f"{name}.onnx").exists()]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no weights in {WEIGHTS_DIR}: {', '.join(MISSING)}")
PHOTOS = 6


def real_settings(folder: Path) -> Settings:
    """The shipped policy, not that of the tests."""
    return settings_for(
        folder, policy_file=Settings().policy_file, weights_dir=WEIGHTS_DIR, capacity={"model_threads": 1}
    )


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = real_settings(tmp_path)
    async with served(settings, load_describer(settings)) as ready:
        yield ready


def validation_photos() -> list[Path]:
    """A few photos that no network has seen, the same every time."""
    root = data_root()
    if not root.exists():
        pytest.skip(f"no real photos: {root} is not there")
    found = [
        photo.path
        for photo in read_garments(root)
        if photo.fold is Fold.VALIDATION and photo.ok and photo.category is not None and not photo.category.is_bottom
    ]
    return found[:: max(1, len(found) // PHOTOS)][:PHOTOS]


def reused(data: bytes) -> bytes:
    """Flipped, made smaller and compressed again, as a copied listing photo is."""
    with PillowImage.open(io.BytesIO(data)) as opened:
        picture = ImageOps.mirror(ImageOps.exif_transpose(opened).convert("RGB"))
    picture.thumbnail((picture.width * 3 // 4, picture.height * 3 // 4))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()


async def test_the_demo_shows_what_it_promises(client: httpx.AsyncClient) -> None:
    """Every drawn copy finds its original first; the stranger is accused of nothing."""
    for item in demo_catalogue():
        assert (await add(client, item.item_id, item.jpeg)).status_code == 201, item.item_id
    found = {}
    for copy in demo_copies():
        answer = (await check(client, copy.render().jpeg())).json()
        best = max(answer["garments"], key=lambda garment: garment["box"][2] - garment["box"][0])["matches"][0]
        found[copy.name] = (best["item_id"], Verdict(answer["verdict"]))
    for copy in demo_copies():
        if copy.item_id is None:
            assert not found[copy.name][1].is_copy, found[copy.name]
        else:
            assert found[copy.name][0] == copy.item_id, found
    assert found["same-photo"][1] is Verdict.IMAGE_COPY


async def test_registered_real_photos_are_found_again_flipped_and_compressed(client: httpx.AsyncClient) -> None:
    """Each finds itself first, and each very photo is an image copy."""
    photos = {path.stem: path.read_bytes() for path in validation_photos()}
    for item_id, data in photos.items():
        assert (await add(client, item_id, data)).status_code == 201, item_id
    firsts = {}
    for item_id, data in photos.items():
        answer = (await check(client, data)).json()
        assert answer["verdict"] == "image_copy", item_id
        again = (await check(client, reused(data))).json()
        best = max((match for garment in again["garments"] for match in garment["matches"]), key=lambda m: m["score"])
        firsts[item_id] = (best["item_id"], best["mirrored"])
    right = [item_id for item_id, (first, mirrored) in firsts.items() if first == item_id and mirrored]
    assert len(right) >= len(photos) - 1, firsts


async def test_the_answer_of_a_real_photo_is_the_same_from_every_cache(tmp_path: Path) -> None:
    """Packed and unpacked, embeddings give the same scores to the last digit."""
    photos = [path.read_bytes() for path in validation_photos()[:2]]
    settings = real_settings(tmp_path).model_copy(update={"redis_url": None})
    async with served(settings, load_describer(settings)) as client:
        await add(client, "SKU-1", photos[0])
        fresh = (await check(client, photos[1])).json()
        await client.patch("/index/items/SKU-1", json={})
        from_seen = (await check(client, photos[1], top_k="19")).json()
        from_verdict = (await check(client, photos[1])).json()
    assert fresh["garments"] == from_seen["garments"] == from_verdict["garments"]
    assert (fresh["cached"], from_seen["cached"], from_verdict["cached"]) == (False, False, True)
