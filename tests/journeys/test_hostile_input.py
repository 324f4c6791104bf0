"""Bad input gets a clear problem or the right answer; never a 5xx, and nothing is stored."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import photos
from tests.journeys.conftest import add, check, door_of, served, settings_for
from tests.photos import HEIGHT, WIDTH, photo

MEGABYTE = 1_000_000


def assert_problem(answer: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    """RFC 9457 with our code and the request's id; `pointer` names the field."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "errors", "request_id"} <= set(body)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["detail"]
    if pointer is not None:
        assert pointer in [error["pointer"] for error in body["errors"]]


async def items(client: httpx.AsyncClient) -> int:
    return int((await client.get("/index/stats")).json()["items"])


def stored_files(client: httpx.AsyncClient) -> list[Path]:
    """Photos that lie in the data dir."""
    folder = door_of(client).settings.data_dir / "photos"
    return [path for path in folder.rglob("*") if path.is_file()]


BAD_PHOTOS = {
    "not an image": (b"hello, this is text", 415, "unsupported_format"),
    "a PDF": (b"%PDF-1.7\n%abc", 415, "unsupported_format"),
    "a TIFF": (b"II*\x00" + bytes(200), 415, "unsupported_format"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_format"),
    "truncated PNG": (photo(1)[: len(photo(1)) // 2], 422, "undecodable_image"),
    "truncated JPEG": (photos.cmyk_jpeg(1)[:2000], 422, "undecodable_image"),
    "damaged PNG": (photo(1)[:100] + bytes(400) + photo(1)[500:], 422, "undecodable_image"),
    "one pixel": (photos.one_colour(1, 1), 422, "image_too_small"),
    "a thin line": (photos.one_colour(4000, 2), 422, "image_too_small"),
    "bomb of 100 megapixels": (photos.png_bomb(), 413, "image_too_large"),
    "a long side": (photos.png_bomb(20_000, 100), 413, "image_too_large"),
    "empty": (b"", 422, "invalid_field"),
}


@pytest.mark.parametrize("name", BAD_PHOTOS)
async def test_a_bad_photo_is_refused_everywhere_and_nothing_is_stored(client: httpx.AsyncClient, name: str) -> None:
    """Checks, adds, searches and comparisons say the same."""
    data, status, code = BAD_PHOTOS[name]
    assert_problem(await check(client, data), status, code)
    assert_problem(await add(client, "SKU-1", data), status, code)
    assert_problem(await client.post("/search", files={"image": ("photo", data)}), status, code)
    both = {"image_a": ("a", photo(1)), "image_b": ("b", data)}
    assert_problem(await client.post("/compare", files=both), status, code)
    assert await items(client) == 0
    assert stored_files(client) == []


ODD_PHOTOS = {
    "CMYK": photos.cmyk_jpeg,
    "16 bit": photos.sixteen_bit_png,
    "palette with transparency": photos.palette_with_transparency,
    "turned by EXIF": photos.exif_rotated_jpeg,
    "animated GIF": photos.animated_gif,
    "animated WebP": photos.animated_webp,
}


@pytest.mark.parametrize("name", ODD_PHOTOS)
async def test_an_odd_photo_is_seen_upright_and_found_again(client: httpx.AsyncClient, name: str) -> None:
    """Registered as it is, and found from the plain photo of the same pattern."""
    odd = ODD_PHOTOS[name](1)
    added = await add(client, "SKU-1", odd)
    assert added.status_code == 201, added.text
    assert (added.json()["image"]["width"], added.json()["image"]["height"]) == (WIDTH, HEIGHT)
    for data in (odd, photo(1)):
        best = (await check(client, data)).json()["garments"][0]["matches"][0]
        assert (best["item_id"], best["verdict"]) == ("SKU-1", "image_copy")


BAD_FIELDS: dict[str, tuple[dict[str, str], str]] = {
    "top_k of zero": ({"top_k": "0"}, "/top_k"),
    "top_k too large": ({"top_k": "201"}, "/top_k"),
    "top_k no number": ({"top_k": "many"}, "/top_k"),
    "unknown category": ({"category": "hat"}, "/category"),
    "unknown category in a list": ({"categories": "vest,hat"}, "/categories/1"),
    "weights no JSON": ({"weights": "{"}, "/weights"),
    "weights a list": ({"weights": "[1,2]"}, "/weights"),
    "weights of an unknown region": ({"weights": '{"hood": 1}'}, "/weights/hood"),
    "a negative weight": ({"weights": '{"collar": -1}'}, "/weights/collar"),
    "a weight that is no number": ({"weights": '{"collar": NaN}'}, "/weights"),
    "an infinite weight": ({"weights": '{"collar": 1e999}'}, "/weights/collar"),
    "weights nested without end": ({"weights": "[" * 100_000}, "/weights"),
    "all weights zero": (
        {"weights": json.dumps(dict.fromkeys(("collar", "chest", "waist", "left_sleeve", "right_sleeve"), 0))},
        "/weights",
    ),
    "min_score out of range": ({"min_score": "2"}, "/min_score"),
    "min_score no number": ({"min_score": "nan"}, "/min_score"),
    "a date without zone": ({"published_at": "2026-01-01T00:00:00"}, "/published_at"),
    "a date before the first": ({"published_before": "0001-01-01T00:00:00+02:00"}, "/published_before"),
    "a date after the last": ({"published_at": "9999-12-31T23:59:59-02:00"}, "/published_at"),
    "no date": ({"published_at": "yesterday"}, "/published_at"),
    "unknown part": ({"include": "landmarks,pixels"}, "/include/1"),
    "unknown field": ({"weigths": "{}"}, "/weigths"),
    "an empty id": ({"exclude_item_id": ""}, "/exclude_item_id"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
async def test_a_bad_field_is_named(client: httpx.AsyncClient, name: str) -> None:
    """So that a caller can put it right."""
    fields, pointer = BAD_FIELDS[name]
    assert_problem(await check(client, photo(1), **fields), 422, "invalid_field", pointer)


async def test_weights_that_leave_a_group_nothing_are_refused(client: httpx.AsyncClient) -> None:
    """A bottom's only weight is the waist's."""
    answer = await check(client, photo(1), category="skirt", weights='{"waist": 0}')
    assert_problem(answer, 422, "invalid_field", "/weights")


BAD_ADDS: dict[str, tuple[dict[str, str], str]] = {
    "no item_id": ({}, "/item_id"),
    "an empty item_id": ({"item_id": ""}, "/item_id"),
    "a long item_id": ({"item_id": "x" * 201}, "/item_id"),
    "a line break in item_id": ({"item_id": "a\nb"}, "/item_id"),
    "metadata no object": ({"item_id": "a", "metadata": "[1]"}, "/metadata"),
    "metadata no JSON": ({"item_id": "a", "metadata": "{'a': 1}"}, "/metadata"),
    "metadata with half a character": ({"item_id": "a", "metadata": '{"a": "\\ud800"}'}, "/metadata"),
    "metadata without end": ({"item_id": "a", "metadata": json.dumps({"a": "x" * 70_000})}, "/metadata"),
    "metadata beyond numbers": ({"item_id": "a", "metadata": '{"a": 1e999}'}, "/metadata"),
    "a script for a URL": ({"item_id": "a", "url": "javascript:alert(1)"}, "/url"),
    "unknown category": ({"item_id": "a", "category": "hat"}, "/category"),
    "replace no flag": ({"item_id": "a", "replace": "perhaps"}, "/replace"),
}


@pytest.mark.parametrize("name", BAD_ADDS)
async def test_a_bad_add_is_refused_and_nothing_is_stored(client: httpx.AsyncClient, name: str) -> None:
    """Neither item nor photo."""
    fields, pointer = BAD_ADDS[name]
    answer = await client.post("/index/add", files={"image": photo(1)}, data=fields)
    assert_problem(answer, 422, "invalid_field", pointer)
    assert await items(client) == 0
    assert stored_files(client) == []


async def test_url_intake_is_off_and_says_so(client: httpx.AsyncClient) -> None:
    """The service fetches nothing on behalf of a caller."""
    as_json = await client.post("/check-plagiarism", json={"image_url": "http://169.254.169.254/"})
    assert_problem(as_json, 422, "url_intake_off")
    as_form = await client.post("/check-plagiarism", data={"image_url": "http://a/"}, files={"x": b""})
    assert_problem(as_form, 422, "url_intake_off")


async def test_bodies_that_cannot_be_taken_apart_are_refused(client: httpx.AsyncClient) -> None:
    """Malformed is 400, another kind of body 415, a missing or doubled part 422."""
    address = "/check-plagiarism"
    form = {"content-type": "multipart/form-data; boundary=x"}
    for body in (b"no boundary here", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"):
        assert_problem(await client.post(address, content=body, headers=form), 400, "malformed_request")
    no_boundary = {"content-type": "multipart/form-data"}
    assert_problem(await client.post(address, content=b"a", headers=no_boundary), 400, "malformed_request")
    as_json = {"content-type": "application/json"}
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000, b'"text"', b'{"a": ' + b"9" * 5000 + b"}"):
        assert_problem(await client.post(address, content=body, headers=as_json), 400, "malformed_request")
    assert_problem(await client.post(address, content=photo(1)), 415, "unsupported_body")
    assert_problem(await client.post(address, data={"top_k": "3"}), 415, "unsupported_body")
    assert_problem(await client.post(address, files={"photo": photo(1)}), 422, "invalid_field", "/image")
    twice = [("image", photo(1)), ("image", photo(2))]
    assert_problem(await client.post(address, files=twice), 422, "invalid_field", "/image")
    as_text = [("image", (None, "text"))]
    assert_problem(await client.post(address, files=as_text), 422, "invalid_field", "/image")
    for text in ("no base64!", 3, ""):
        assert_problem(await client.post(address, json={"image_base64": text}), 422, "invalid_field")
    assert_problem(await client.patch("/index/items/a", content=b"{"), 400, "malformed_request")
    assert_problem(await client.patch("/index/items/a", json={"titel": "x"}), 422, "invalid_field", "/titel")
    assert_problem(await client.patch("/index/items/a", json={"title": "x"}), 404, "item_not_found")


async def test_unknown_addresses_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    """The framework's own answers wear our clothes."""
    assert_problem(await client.get("/nothing"), 404, "not_found")
    wrong = await client.get("/check-plagiarism")
    assert_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    assert_problem(await client.get("/index/items", params={"limit": "0"}), 422, "invalid_field", "/limit")
    assert_problem(await client.get("/checks/chk_none"), 404, "check_not_found")
    assert_problem(await client.get("/index/items/none"), 404, "item_not_found")
    assert_problem(await client.get("/index/items/none/photos/none"), 404, "item_not_found")


async def test_an_upload_of_50_megabytes_is_refused(client: httpx.AsyncClient) -> None:
    """Announced by its length, and counted as received where it is not."""
    data = bytes(50 * MEGABYTE)
    assert_problem(await check(client, data), 413, "upload_too_large")
    taken = 0

    async def chunked() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(50):
            taken += 1
            yield bytes(MEGABYTE)

    form = {"content-type": "multipart/form-data; boundary=x"}
    answer = await client.post("/check-plagiarism", content=chunked(), headers=form)
    assert_problem(answer, 413, "upload_too_large")
    assert taken < 25, "reading went on long after the limit"
    base64_body = {"image_base64": base64.b64encode(bytes(25 * MEGABYTE)).decode()}
    assert_problem(await client.post("/check-plagiarism", json=base64_body), 413, "upload_too_large")
    assert_problem(await add(client, "SKU-1", data), 413, "upload_too_large")
    assert await items(client) == 0


async def test_a_photo_just_above_its_own_limit_is_refused(tmp_path: Path) -> None:
    """The room for the other fields is no room for the photo."""
    limit = len(photo(1)) - 1
    async with served(settings_for(tmp_path, images={"max_bytes": limit})) as client:
        assert_problem(await check(client, photo(1)), 413, "upload_too_large")
        body = {"image_base64": base64.b64encode(photo(1)).decode()}
        assert_problem(await client.post("/check-plagiarism", json=body), 413, "upload_too_large")


async def test_a_failure_of_ours_says_nothing_of_the_inside(tmp_path: Path) -> None:
    """500, a request id, no traceback; the next request is answered."""
    from tests.fakes import FailingDescriber

    async with served(settings_for(tmp_path), FailingDescriber()) as client:
        answer = await check(client, photo(1))
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "memory" not in answer.text
        assert (await client.get("/livez")).status_code == 200
        assert (await check(client, photos.one_colour())).status_code == 200


FIELD_NAMES = st.sampled_from(
    ["top_k", "category", "weights", "min_score", "published_at", "exclude_seller_id", "exclude_item_id", "categories",
     "published_before", "disabled_until",
     "include", "item_id", "metadata", "replace", "url", "title", "seller_id"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=60),
    st.integers().map(str),
    st.floats().map(str),
    st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.text(max_size=12), inner, max_size=3), max_leaves=8).map(json.dumps),
    st.sampled_from(["", "0", "-1", "null", "true", "vest", '{"collar": 1}', "landmarks,,", "2026-01-01T00:00:00Z"]),
)  # fmt: skip


async def test_no_form_field_makes_the_service_fail(client: httpx.AsyncClient) -> None:
    """Any text in any field: an answer or a problem, never a 5xx, and the same for adds."""
    import asyncio

    loop = asyncio.get_running_loop()

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(fields=st.dictionaries(FIELD_NAMES, VALUES, max_size=3), adding=st.booleans())
    def try_fields(fields: dict[str, Any], adding: bool) -> None:
        encodable = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
        address = "/index/add" if adding else "/check-plagiarism"
        asked = client.post(address, files={"image": photo(1)}, data=encodable)
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
        assert answer.status_code < 500, (fields, answer.text)

    await asyncio.to_thread(try_fields)
