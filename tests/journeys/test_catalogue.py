"""Registering, reading, changing and forgetting items over HTTP."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.journeys.conftest import add, check, served, settings_for
from tests.photos import draw_pattern, encode, photo


async def test_the_same_photo_again_changes_nothing(client: httpx.AsyncClient) -> None:
    """201 once, 200 after."""
    first, second = await add(client, "SKU-1", photo(1)), await add(client, "SKU-1", photo(1))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["photo_id"] == second.json()["photo_id"]
    assert (await client.get("/index/stats")).json()["photos"] == 1


async def test_a_known_photo_with_new_details_merges_them(client: httpx.AsyncClient) -> None:
    """As PATCH does."""
    await add(client, "SKU-1", photo(1), title="Old", metadata='{"a": 1, "b": 2}')
    assert (await add(client, "SKU-1", photo(1), metadata='{"b": null, "c": 3}')).status_code == 200
    item = (await client.get("/index/items/SKU-1")).json()
    assert (item["title"], item["metadata"]) == ("Old", {"a": 1, "c": 3})


async def test_an_item_with_two_views_answers_once_with_its_best(client: httpx.AsyncClient) -> None:
    """One match an item."""
    await add(client, "SKU-1", photo(1))
    second = (await add(client, "SKU-1", photo(2))).json()
    matches = (await check(client, photo(2))).json()["garments"][0]["matches"]
    assert [(match["item_id"], match["photo_id"]) for match in matches] == [("SKU-1", second["photo_id"])]
    assert len((await client.get("/index/items/SKU-1")).json()["photos"]) == 2


async def test_replace_puts_one_photo_in_place_of_all(client: httpx.AsyncClient) -> None:
    """The old views are neither searched nor shown."""
    await add(client, "SKU-1", photo(1))
    await add(client, "SKU-1", photo(2), replace="true")
    assert (await check(client, photo(1))).json()["verdict"] in ("clear", "similar")
    assert (await check(client, photo(2))).json()["verdict"] == "image_copy"
    assert len((await client.get("/index/items/SKU-1")).json()["photos"]) == 1


async def test_patch_changes_what_is_said_and_keeps_the_rest(client: httpx.AsyncClient) -> None:
    """The next check shows it: a cached verdict of the old index version is not used."""
    await add(client, "SKU-1", photo(1), title="Old", seller_id="s1")
    changed = await client.patch("/index/items/SKU-1", json={"title": "New", "metadata": {"season": "spring"}})
    assert (changed.status_code, changed.json()["title"], changed.json()["seller_id"]) == (200, "New", "s1")
    item = (await check(client, photo(1))).json()["garments"][0]["matches"][0]["item"]
    assert (item["title"], item["metadata"]) == ("New", {"season": "spring"})


async def test_a_disabled_item_is_kept_but_not_found(client: httpx.AsyncClient) -> None:
    """Said at the add or later; a moment that has passed switches it on again."""

    async def found() -> list[str]:
        garment = (await check(client, photo(1))).json()["garments"][0]
        return [match["item_id"] for match in garment["matches"]]

    await add(client, "SKU-1", photo(1), disabled_until="2999-01-01T00:00:00+02:00")
    assert (await client.get("/index/items/SKU-1")).json()["disabled_until"] == "2998-12-31T22:00:00Z"
    assert await found() == []
    for until, expected in (("2020-01-01T00:00:00Z", ["SKU-1"]), ("2999-01-01T00:00:00Z", [])):
        patched = await client.patch("/index/items/SKU-1", json={"disabled_until": until})
        assert (patched.status_code, patched.json()["disabled_until"]) == (200, until)
        assert await found() == expected


async def test_a_deleted_item_is_gone_everywhere(client: httpx.AsyncClient) -> None:
    """Item, photo and match."""
    photo_id = (await add(client, "SKU-1", photo(1))).json()["photo_id"]
    assert (await client.get(f"/index/items/SKU-1/photos/{photo_id}")).content == photo(1)
    assert (await client.delete("/index/items/SKU-1")).status_code == 204
    assert (await client.get("/index/items/SKU-1")).status_code == 404
    assert (await client.get(f"/index/items/SKU-1/photos/{photo_id}")).status_code == 404
    assert (await client.delete("/index/items/SKU-1")).status_code == 404
    assert (await check(client, photo(1))).json()["garments"][0]["matches"] == []


async def test_a_photo_is_served_as_the_kind_it_is(client: httpx.AsyncClient) -> None:
    """And never sniffed."""
    photo_id = (await add(client, "SKU-1", encode(draw_pattern(1), "WEBP"))).json()["photo_id"]
    answer = await client.get(f"/index/items/SKU-1/photos/{photo_id}")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/webp", "nosniff")


@pytest.mark.parametrize("item_id", ["a/b", "Größe 42", "x?y=1&z", "100%", "..", "a/photos/b"])
async def test_ids_of_the_callers_choosing_can_be_read_back(client: httpx.AsyncClient, item_id: str) -> None:
    """Percent-encoded in the path."""
    assert (await add(client, item_id, photo(1))).status_code == 201
    page = (await client.get("/index/items")).json()
    assert [item["item_id"] for item in page["items"]] == [item_id]
    if item_id not in ("..", "a/photos/b"):  # clients resolve the first; the second is read as a photo's address
        assert (await client.get(f"/index/items/{quote(item_id, safe='')}")).json()["item_id"] == item_id


async def test_items_are_listed_a_page_at_a_time(client: httpx.AsyncClient) -> None:
    """Each exactly once, filters applied."""
    for seed in range(5):
        await add(client, f"SKU-{seed}", photo(seed), seller_id="even" if seed % 2 == 0 else "odd")
    found, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/index/items", params=query)).json()
        found += [item["item_id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [f"SKU-{seed}" for seed in range(5)]
    odd = (await client.get("/index/items", params={"seller_id": "odd"})).json()["items"]
    assert [item["item_id"] for item in odd] == ["SKU-1", "SKU-3"]
    none = (await client.get("/index/items", params={"group": "bottom"})).json()["items"]
    assert none == []
    assert (await client.get("/index/items", params={"cursor": "nonsense"})).status_code == 422


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    """Searchable as well."""
    async with served(settings_for(tmp_path)) as before:
        sequence = (await add(before, "SKU-1", photo(1))).json()["versions"]["index"]
    async with served(settings_for(tmp_path)) as after:
        stats = (await after.get("/index/stats")).json()
        assert (stats["items"], stats["searchable"], stats["sequence"]) == (1, 1, sequence)
        assert (await check(after, photo(1))).json()["verdict"] == "image_copy"


async def test_the_learned_weights_can_be_read(client: httpx.AsyncClient) -> None:
    """They sum to one."""
    weights = (await client.get("/weights/t_shirt")).json()
    assert sum(weights["weights"].values()) == pytest.approx(1, abs=1e-5)
    assert (await client.get("/weights/hats")).status_code == 422


async def test_a_misspelt_filter_of_a_list_is_named(client: httpx.AsyncClient) -> None:
    """Else it would answer everything, as if it had been filtered."""
    answer = await client.get("/index/items", params={"seler_id": "s1"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/seler_id"
