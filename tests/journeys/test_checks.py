"""The main job over HTTP: register designs, check photos, read the evidence."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from models.taxonomy import REGIONS, RegionName
from tests.journeys.conftest import add, check, served, settings_for
from tests.photos import draw_pattern, encode, one_colour, photo, with_other_region
from tests.policies import make_policy


async def test_the_registered_photo_itself_is_an_image_copy(client: httpx.AsyncClient) -> None:
    """Nothing altered, the same picture."""
    assert (await add(client, "SKU-1", photo(1), title="A tee")).status_code == 201
    for seed in range(2, 6):
        await add(client, f"SKU-{seed}", photo(seed))
    answer = (await check(client, photo(1))).json()
    best = answer["garments"][0]["matches"][0]
    assert (answer["verdict"], best["item_id"], best["same_photo"]) == ("image_copy", "SKU-1", True)
    assert best["item"]["title"] == "A tee"
    assert best["modified_regions"] == []
    assert answer["garments"][0]["verdict"] == "image_copy"


@pytest.mark.parametrize("region", REGIONS)
async def test_a_design_with_one_region_drawn_anew_is_a_partial_copy_that_names_it(
    client: httpx.AsyncClient, region: RegionName
) -> None:
    """The kind of copy that this service exists for."""
    await add(client, "SKU-1", photo(1))
    altered = encode(with_other_region(draw_pattern(1), region))
    answer = (await check(client, altered)).json()
    best = answer["garments"][0]["matches"][0]
    assert (best["verdict"], best["modified_regions"]) == ("partial_copy", [region.value])
    assert best["regions"][region]["agrees"] is False
    assert best["regions"][region]["cosine"] < 0.6


async def test_a_flipped_copy_is_found_and_says_that_it_was_mirrored(client: httpx.AsyncClient) -> None:
    """Regions are then named after the catalogue photo."""
    await add(client, "SKU-1", photo(1))
    pixels = with_other_region(draw_pattern(1), RegionName.LEFT_SLEEVE)
    answer = (await check(client, encode(np.ascontiguousarray(pixels[:, ::-1])))).json()
    best = answer["garments"][0]["matches"][0]
    assert best["mirrored"] is True
    assert best["modified_regions"] == ["left_sleeve"]


async def test_a_stranger_is_no_copy(client: httpx.AsyncClient) -> None:
    """Look-alikes cost moderators' time."""
    await add(client, "SKU-1", photo(1))
    answer = (await check(client, photo(50))).json()
    assert answer["verdict"] in ("clear", "similar")
    assert answer["garments"][0]["matches"][0]["probability"] < 0.5


async def test_no_garment_is_an_answer_and_nothing_can_be_registered(client: httpx.AsyncClient) -> None:
    """A photo of a mug is no error for a check, and no design."""
    answer = await check(client, one_colour())
    assert (answer.status_code, answer.json()["verdict"], answer.json()["garments"]) == (200, "no_garment", [])
    refused = await add(client, "SKU-1", one_colour())
    assert (refused.status_code, refused.json()["code"]) == (422, "no_garment")
    assert (await client.get("/index/stats")).json()["items"] == 0
    assert (await client.get("/index/items/SKU-1")).status_code == 404


async def test_an_answer_has_every_field_of_the_contract(client: httpx.AsyncClient) -> None:
    """Names are fixed; more may be added."""
    await add(client, "SKU-1", photo(1), published_at="2026-01-02T00:00:00Z", seller_id="s1", metadata='{"a": [1]}')
    answer: dict[str, Any] = (await check(client, photo(1))).json()
    assert {"check_id", "verdict", "image", "garments", "versions", "timings_ms", "cached", "warnings"} <= set(answer)
    assert set(answer["image"]) == {"width", "height", "sha256"}
    assert set(answer["versions"]) == {"models", "weights", "policy", "index"}
    assert {"decode", "detect", "landmarks", "embed", "search", "total"} <= set(answer["timings_ms"])
    garment = answer["garments"][0]
    assert {"box", "category", "group", "confidence", "landmarks", "regions", "verdict", "matches"} <= set(garment)
    assert set(garment["landmarks"][0]) == {"slot", "name", "x", "y", "visible", "confidence"}
    assert set(garment["regions"]) == set(REGIONS)
    match = garment["matches"][0]
    wanted = {"item_id", "score", "probability", "verdict", "mirrored", "regions", "modified_regions", "item"}
    assert wanted <= set(match)
    assert {"cosine", "weight", "agrees"} <= set(match["regions"]["collar"])
    assert match["item"] == {
        "item_id": "SKU-1",
        "seller_id": "s1",
        "title": None,
        "url": None,
        "published_at": "2026-01-02T00:00:00Z",
        "metadata": {"a": [1]},
        "disabled_until": None,
    }


async def test_the_same_answer_comes_for_json_with_base64(client: httpx.AsyncClient) -> None:
    """Some callers cannot send forms."""
    await add(client, "SKU-1", photo(1))
    body = {"image_base64": base64.b64encode(photo(1)).decode(), "top_k": 1, "weights": {"collar": 2}, "include": []}
    answer = await client.post("/check-plagiarism", json=body)
    assert (answer.status_code, answer.json()["verdict"]) == (200, "image_copy")


async def test_weights_change_the_score_and_are_reported(client: httpx.AsyncClient) -> None:
    """All on the altered collar: the score is then the collar's cosine."""
    await add(client, "SKU-1", photo(1))
    altered = encode(with_other_region(draw_pattern(1), RegionName.COLLAR))
    only = '{"collar": 1, "chest": 0, "waist": 0, "left_sleeve": 0, "right_sleeve": 0}'
    learned = (await check(client, altered)).json()["garments"][0]["matches"][0]
    changed = (await check(client, altered, weights=only)).json()["garments"][0]["matches"][0]
    assert changed["regions"]["collar"]["weight"] == 1
    assert changed["score"] == pytest.approx(changed["regions"]["collar"]["cosine"], abs=1e-3)
    assert learned["score"] > changed["score"]


async def test_filters_leave_items_out(client: httpx.AsyncClient) -> None:
    """A seller does not copy itself."""
    await add(client, "SKU-1", photo(1), seller_id="s1")
    await add(client, "SKU-2", photo(2), seller_id="s2")

    async def found(**fields: str) -> list[str]:
        garment = (await check(client, photo(1), **fields)).json()["garments"][0]
        return [match["item_id"] for match in garment["matches"]]

    assert await found(min_score="-1") == ["SKU-1", "SKU-2"]
    assert await found(exclude_seller_id="s1") == ["SKU-2"]
    assert await found(exclude_item_id="SKU-1") == ["SKU-2"]
    assert await found(top_k="1") == ["SKU-1"]
    assert await found(categories="vest,skirt") == []
    assert await found(categories="short_sleeve_top") == ["SKU-1", "SKU-2"]
    assert await found(min_score="0.9") == ["SKU-1"]


async def test_only_what_was_published_before_answers(client: httpx.AsyncClient) -> None:
    """What does not say when it was published is left out, in a check and in a search."""
    await add(client, "SKU-1", photo(1), published_at="2026-01-02T00:00:00Z")
    await add(client, "SKU-2", photo(2), published_at="2026-03-02T00:00:00Z")
    await add(client, "SKU-3", photo(3))
    for before, expected in (
        ("2026-01-02T00:00:00Z", []),
        ("2026-01-02T02:00:00+01:00", ["SKU-1"]),
        ("2026-04-01T00:00:00Z", ["SKU-1", "SKU-2"]),
    ):
        answer = await check(client, photo(1), published_before=before)
        assert [match["item_id"] for match in answer.json()["garments"][0]["matches"]] == expected
        found = await client.post("/search", files={"image": photo(1)}, data={"published_before": before})
        assert [hit["item_id"] for hit in found.json()["garments"][0]["hits"]] == expected


async def test_an_earlier_listing_is_never_called_the_copy(client: httpx.AsyncClient) -> None:
    """The registered item is the later one: it may be the copy."""
    await add(client, "SKU-1", photo(1), published_at="2026-05-01T00:00:00Z")
    earlier = (await check(client, photo(1), published_at="2026-01-01T00:00:00+02:00")).json()
    match = earlier["garments"][0]["matches"][0]
    assert (earlier["verdict"], match["verdict"], match["kind"], match["first"]) == (
        "similar", "similar", "image_copy", "query",
    )  # fmt: skip
    later = (await check(client, photo(1), published_at="2026-06-01T00:00:00Z")).json()
    assert (later["verdict"], later["garments"][0]["matches"][0]["first"]) == ("image_copy", "catalogue")


async def test_the_overlay_is_a_png_of_the_photo(client: httpx.AsyncClient) -> None:
    """Drawn only where asked for."""
    plain = (await check(client, photo(1))).json()
    drawn = (await check(client, photo(1), include="landmarks, regions, overlay")).json()
    assert plain["overlay"] is None
    head, _, data = drawn["overlay"].partition(",")
    assert head == "data:image/png;base64"
    with PillowImage.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (drawn["image"]["width"], drawn["image"]["height"])
        assert np.abs(np.asarray(picture).astype(int) - draw_pattern(1)).mean() > 1


async def test_a_check_is_kept_until_it_is_erased(client: httpx.AsyncClient) -> None:
    """GET returns it again, DELETE forgets it."""
    answer = (await check(client, photo(1), include="overlay")).json()
    address = f"/checks/{answer['check_id']}"
    assert (await client.get(address)).json() == answer | {"overlay": None}
    assert (await client.delete(address)).status_code == 204
    gone = await client.get(address)
    assert (gone.status_code, gone.json()["code"]) == (404, "check_not_found")
    assert (await client.delete(address)).status_code == 404


async def test_checks_outlive_a_restart(tmp_path: Path) -> None:
    """They lie in the data dir."""
    async with served(settings_for(tmp_path)) as before:
        await add(before, "SKU-1", photo(1))
        check_id = (await check(before, photo(1))).json()["check_id"]
    async with served(settings_for(tmp_path)) as after:
        assert (await after.get(f"/checks/{check_id}")).json()["verdict"] == "image_copy"
        assert (await check(after, photo(1))).json()["verdict"] == "image_copy"


async def test_a_told_category_decides_what_the_garment_is(client: httpx.AsyncClient) -> None:
    """The detector called it a top; a vest has no sleeves to compare. Nothing was altered in the picture itself."""
    await add(client, "SKU-1", photo(1))
    garment = (await check(client, photo(1), category="vest")).json()["garments"][0]
    assert (garment["category"], garment["group"]) == ("vest", "t_shirt")
    assert garment["regions"]["left_sleeve"] == {"box": None, "visible": False, "reason": "absent"}
    match = garment["matches"][0]
    assert (match["regions"]["left_sleeve"]["cosine"], match["regions"]["left_sleeve"]["reason"]) == (None, "absent")
    assert (match["modified_regions"], match["verdict"]) == ([], "image_copy")


async def test_a_told_bottom_is_at_most_similar(client: httpx.AsyncClient) -> None:
    """Until bottoms have regions of their own."""
    await add(client, "SKU-1", photo(1), category="skirt")
    answer = (await check(client, photo(1), category="skirt")).json()
    match = answer["garments"][0]["matches"][0]
    assert (answer["verdict"], match["same_photo"]) == ("similar", True)


async def test_a_bottom_is_found_by_its_waist_whatever_the_other_regions_weigh(client: httpx.AsyncClient) -> None:
    """It has no other region: a fifth of all weight would be too little for a search."""
    await add(client, "SKU-1", photo(1), category="skirt")
    found = await client.post("/search", files={"image": photo(1)}, data={"category": "skirt"})
    assert [hit["item_id"] for hit in found.json()["garments"][0]["hits"]] == ["SKU-1"]
    equal = dict.fromkeys(("collar", "chest", "waist", "left_sleeve", "right_sleeve"), 1)
    put = await client.put("/weights/bottom", json={"weights": equal})
    assert put.json()["weights"]["waist"] == 1
    for asked in ({}, {"weights": json.dumps(equal)}):
        match = (await check(client, photo(1), category="skirt", **asked)).json()["garments"][0]["matches"][0]
        assert (match["score"], match["regions"]["waist"]["weight"]) == (pytest.approx(1), 1)
    nothing = await check(client, photo(1), category="skirt", weights=json.dumps({"waist": 0, "collar": 1}))
    assert (nothing.status_code, nothing.json()["errors"][0]["pointer"]) == (422, "/weights/waist")


async def test_a_short_list_hides_no_copy_behind_a_later_listing(client: httpx.AsyncClient) -> None:
    """One item was published after the photo and cannot be its original; the other one was before."""
    await add(client, "LATER", photo(1), published_at="2026-05-01T00:00:00Z")
    original = encode(with_other_region(draw_pattern(1), RegionName.CHEST))
    await add(client, "EARLIER", original, published_at="2026-01-01T00:00:00Z")
    for most in (1, 2):
        answer = (await check(client, photo(1), published_at="2026-03-01T00:00:00Z", top_k=most)).json()
        matches = answer["garments"][0]["matches"]
        assert (answer["verdict"], matches[0]["item_id"], len(matches)) == ("partial_copy", "EARLIER", most)


async def test_two_photos_are_compared_without_registering_them(client: httpx.AsyncClient) -> None:
    """Side by side, region by region."""
    altered = encode(with_other_region(draw_pattern(1), RegionName.CHEST))
    answer = await client.post("/compare", files={"image_a": altered, "image_b": photo(1)})
    assert answer.status_code == 200, answer.text
    pair = answer.json()["pairs"][0]
    assert (answer.json()["verdict"], pair["modified_regions"]) == ("partial_copy", ["chest"])
    nothing = await client.post("/compare", files={"image_a": photo(1), "image_b": one_colour()})
    assert (nothing.json()["verdict"], nothing.json()["pairs"]) == ("no_garment", [])
    assert (await client.get("/index/stats")).json()["items"] == 0


async def test_search_finds_the_same_garment_without_a_verdict(client: httpx.AsyncClient) -> None:
    """Equal weights over the joined regions."""
    for seed in range(1, 4):
        await add(client, f"SKU-{seed}", photo(seed))
    answer = await client.post("/search", files={"image": photo(2)}, data={"top_k": "2"})
    hits = answer.json()["garments"][0]["hits"]
    assert hits[0]["item_id"] == "SKU-2"
    assert (len(hits), hits[0]["score"], hits[0]["same_photo"]) == (2, 1.0, True)
    assert "verdict" not in hits[0]


@pytest.mark.parametrize("top_k", ["1", "20"])
async def test_who_resembles_many_items_alike_is_the_copy_of_none(tmp_path: Path, top_k: str) -> None:
    """However few matches are asked for; among two items it is a copy."""
    policy = tmp_path / "crowded.json"
    no_pictures = make_policy().pictures.model_copy(update={"radius": 0, "most_compared": 0})
    rules = make_policy(crowd={"level": -2.0, "most": 30.0}, pictures=no_pictures, same_photo_distance=0)
    policy.write_text(rules.model_dump_json())
    cut = encode(with_other_region(draw_pattern(1), RegionName.WAIST))
    async with served(settings_for(tmp_path, policy_file=policy)) as client:
        for number in range(5):
            if number == 2:
                few = (await check(client, cut, top_k=top_k)).json()["garments"][0]["matches"][0]
                assert few["verdict"] == "partial_copy"
            await add(
                client, f"SKU-{number}", encode(with_other_region(draw_pattern(1), RegionName.COLLAR, 50 + number))
            )
        garment = (await check(client, cut, top_k=top_k)).json()["garments"][0]
    assert len(garment["matches"]) == min(5, int(top_k))
    assert not {match["verdict"] for match in garment["matches"]} & {"partial_copy", "design_copy", "image_copy"}
    assert {warning["code"] for warning in garment["matches"][0]["warnings"]} == {"many_alike"}
