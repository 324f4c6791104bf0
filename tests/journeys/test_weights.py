"""Region weights over HTTP: set, gone back from, followed by every process, and asked for in vain."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.decisions import DecidedPhoto, Decision
from models.taxonomy import RegionName, WeightGroup
from service.access.keys import Scope
from service.capacity import Lane
from tests.fakes import FAKE_MODELS
from tests.journeys.conftest import add, check, door_of, served, settings_for
from tests.journeys.test_access import make_key, served_with_keys
from tests.photos import draw_pattern, encode, one_colour, photo, with_other_region
from tests.postgres import Cluster
from tests.waiting import come_true

EQUAL = dict.fromkeys(RegionName, 1.0)
COLLAR = dict.fromkeys(RegionName, 0.0) | {RegionName.COLLAR: 3.0}


def altered(seed: int, region: RegionName = RegionName.COLLAR) -> bytes:
    return encode(with_other_region(draw_pattern(seed), region))


async def put(client: httpx.AsyncClient, group: str = "t_shirt", **body: Any) -> httpx.Response:
    return await client.put(f"/weights/{group}", json=body)


def scores(answer: httpx.Response) -> list[tuple[str, float]]:
    (garment,) = answer.json()["garments"]
    return [(match["item_id"], match["score"]) for match in garment["matches"]]


async def test_new_weights_change_the_version_and_the_scores_and_going_back_restores_both_scores(
    tmp_path: Path,
) -> None:
    """With the verdict cache on: no answer of other weights is ever given."""
    async with served(settings_for(tmp_path, redis_url=None)) as client:
        for seed in (1, 2):
            await add(client, f"SKU-{seed}", photo(seed))
        suspect = altered(1)
        first = await check(client, suspect)
        assert (await check(client, suspect)).json()["cached"] is True
        made = await put(client, weights=COLLAR, reason="collars only")
        assert made.status_code == 200, made.text
        second = await check(client, suspect)
        assert second.json()["cached"] is False
        assert scores(second) != scores(first)
        named = [answer.json()["versions"]["weights"] for answer in (first, second)]
        told = (await client.get("/version")).json()["versions"]["weights"]
        assert named[0] != named[1] == told == made.json()["table_version"]
        (garment,) = second.json()["garments"]
        assert garment["matches"][0]["regions"]["collar"]["weight"] == 1.0
        back = await put(client, version=named[0])
        third = await check(client, suspect)
        assert scores(third) == scores(first)
        assert third.json()["versions"]["weights"] not in named
        assert back.json()["weights"] == (await client.get("/weights/t_shirt")).json()["weights"]


async def test_the_history_tells_who_when_and_why(client: httpx.AsyncClient) -> None:
    """Latest first, a page at a time; the group's own alone."""
    started = (await client.get("/weights/t_shirt")).json()
    assert (started["source"], started["version"]) == ("shipped", started["table_version"])
    await put(client, weights=EQUAL, reason="a fresh start")
    await put(client, "dress", weights=EQUAL)
    await put(client, version=started["version"])
    history = (await client.get("/weights/t_shirt/versions", params={"limit": 2})).json()
    older = (await client.get("/weights/t_shirt/versions", params={"cursor": history["next_cursor"]})).json()
    versions = history["versions"] + older["versions"]
    assert [version["source"] for version in versions] == ["rollback", "put", "shipped"]
    assert [version["report"] for version in versions] == [
        {"to": started["version"]}, {"reason": "a fresh start"}, {},
    ]  # fmt: skip
    assert older["next_cursor"] is None
    assert versions[0]["version"] == (await client.get("/weights/t_shirt")).json()["version"]
    assert versions[0]["weights"] == versions[2]["weights"] == started["weights"]
    assert sum(versions[1]["weights"].values()) == pytest.approx(1)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("t_shirt", {}, "/weights"),
    ("t_shirt", {"weights": EQUAL, "version": "w1"}, "/weights"),
    ("t_shirt", {"weights": dict.fromkeys(RegionName, 0)}, "/weights"),
    ("t_shirt", {"weights": EQUAL | {"hem": 1}}, "/weights/hem"),
    ("t_shirt", {"weights": EQUAL | {"collar": -1}}, "/weights/collar"),
    ("t_shirt", {"weights": {"collar": 1, "chest": 2}}, "/weights"),
    ("t_shirt", {"weights": [1, 1, 1, 1, 1]}, "/weights"),
    ("t_shirt", {"weights": EQUAL, "colour": 1}, "/colour"),
    ("bottom", {"weights": COLLAR}, "/weights/waist"),
    ("trousers", {"weights": EQUAL}, "/group"),
]


@pytest.mark.parametrize(("group", "body", "pointer"), WRONG)
async def test_what_are_no_weights_is_refused_by_name(
    client: httpx.AsyncClient, group: str, body: dict[str, Any], pointer: str
) -> None:
    """422, and nothing changes."""
    before = (await client.get("/version")).json()["versions"]
    answer = await put(client, group, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field"), answer.text
    assert pointer in {problem["pointer"] for problem in answer.json()["errors"]}
    assert (await client.get("/version")).json()["versions"] == before


async def test_an_unknown_version_is_no_place_to_go_back_to(client: httpx.AsyncClient) -> None:
    """With a code of its own."""
    answer = await put(client, version="w7-00000000")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_weights")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_every_process_on_the_record_follows_within_a_second(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """And after a start."""
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    folders = [tmp_path / name for name in ("one", "other", "third")]
    for folder in folders:
        folder.mkdir()
    options = {"database_url": url}
    async with (
        served(settings_for(folders[0], **options)) as one,
        served(settings_for(folders[1], **options)) as other,
    ):
        made = (await put(one, weights=COLLAR)).json()

        async def followed() -> bool:
            return bool((await other.get("/weights/t_shirt")).json()["table_version"] == made["table_version"])

        # Machines that run tests are busy: what is promised is the second, what is asserted here leaves room.
        await come_true(followed, within_s=10)
    async with served(settings_for(folders[2], **options)) as third:
        assert (await third.get("/weights/t_shirt")).json()["version"] == made["version"]


async def test_decisions_are_kept_and_too_few_of_them_promote_nothing(client: httpx.AsyncClient) -> None:
    """By item, by photo of an item, in base64; says how many are needed."""
    photos = [(await add(client, f"SKU-{seed}", photo(seed))).json()["photo_id"] for seed in (1, 2)]
    pairs = [
        {"item_a": "SKU-1", "item_b": "SKU-2", "photo_b": photos[1], "verdict": "clear"},
        {
            "image_a_base64": base64.b64encode(altered(1)).decode(),
            "item_b": "SKU-1",
            "verdict": "partial_copy",
            "altered": ["collar"],
        },
    ]
    answer = await client.post("/weights/learn", json={"pairs": pairs})
    assert answer.status_code == 200, answer.text
    clear, copy = answer.json()["pairs"]
    assert clear["score"] < 0.5 < copy["score"]
    compared = await client.post("/compare", files={"image_a": ("a", altered(1)), "image_b": ("b", photo(1))})
    assert compared.json()["pairs"][0]["score"] == copy["score"]
    (group,) = answer.json()["groups"]
    assert (group["group"], group["promoted"], group["reason"]) == ("t_shirt", False, "too_few_pairs")
    counted = [group[half]["pairs"][kind] for half in ("learning", "held_out") for kind in ("copies", "look_alikes")]
    assert sum(counted) == 2
    assert all(group[half]["loss"] is None for half in ("learning", "held_out"))
    assert str(group["learning"]["needed"]["copies"]) in group["message"]
    # Decided again, they are the same two pairs; without any they are still known.
    again = (await client.post("/weights/learn", json={"pairs": pairs})).json()["groups"]
    assert again == (await client.post("/weights/learn", json={"pairs": []})).json()["groups"] == [group]


async def test_photos_are_sent_as_parts_that_pairs_name(client: httpx.AsyncClient) -> None:
    """One part may be in several pairs."""
    pairs = [
        {"image_a": "suspect", "image_b": "original", "verdict": "partial_copy"},
        {"image_a": "suspect", "image_b": "stranger", "verdict": "similar"},
    ]
    files = {"suspect": ("s", altered(1)), "original": ("o", photo(1)), "stranger": ("x", photo(2))}
    answer = await client.post("/weights/learn", data={"pairs": json.dumps(pairs)}, files=files)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["pairs"]) == 2
    files["nobody"] = ("n", photo(3))
    refused = await client.post("/weights/learn", data={"pairs": json.dumps(pairs)}, files=files)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/nobody")


def pair(**changes: Any) -> dict[str, Any]:
    return {"item_a": "SKU-1", "item_b": "SKU-2", "verdict": "clear"} | changes


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    (pair(verdict="perhaps"), 422, "invalid_field"),
    (pair(verdict="no_garment"), 422, "invalid_field"),
    (pair(altered=["collar"]), 422, "invalid_field"),
    (pair(altered=["hem"], verdict="partial_copy"), 422, "invalid_field"),
    (pair(image_a="a"), 422, "invalid_field"),
    (pair(item_a=None), 422, "invalid_field"),
    (pair(item_b="SKU-1"), 422, "invalid_field"),
    (pair(item_a=None, image_a="missing"), 422, "invalid_field"),
    (pair(item_a=None, image_a_base64="!"), 422, "invalid_field"),
    (pair(item_a=None, image_a_base64=base64.b64encode(b"no photo").decode()), 415, "unsupported_format"),
    (pair(item_a=None, image_a_base64=base64.b64encode(one_colour()).decode()), 422, "no_garment"),
    (pair(item_b="SKU-404"), 404, "item_not_found"),
    (pair(photo_b="pho_404"), 404, "item_not_found"),
]


@pytest.mark.parametrize(("wrong", "status", "code"), REFUSED)
async def test_one_wrong_pair_keeps_nothing_of_the_others(
    client: httpx.AsyncClient, wrong: dict[str, Any], status: int, code: str
) -> None:
    """All or none."""
    for seed in (1, 2):
        await add(client, f"SKU-{seed}", photo(seed))
    answer = await client.post("/weights/learn", json={"pairs": [pair(), wrong]})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await client.post("/weights/learn", json={"pairs": []})).json()["groups"] == []


async def test_learning_is_bulk_work_beside_which_the_service_answers(client: httpx.AsyncClient) -> None:
    """Off the event loop, in the bulk lane, in seconds; hundreds of decisions in each group."""
    service = door_of(client).opened
    assert service is not None
    rng = np.random.default_rng(0)
    service.learner.decisions.append([random_decision(rng, group) for group in WeightGroup for _ in range(300)])
    learning = asyncio.create_task(client.post("/weights/learn", json={"pairs": []}))
    lanes, answered = set(), 0
    started = time.monotonic()
    while not learning.done():
        lanes |= {lane for lane in Lane if service.capacity.running(lane)}
        answered += (await client.get("/livez")).status_code == 200
        await asyncio.sleep(0.01)
    assert lanes == {Lane.BULK}
    assert answered > 10
    answer = (await learning).json()
    assert {group["group"] for group in answer["groups"]} == set(WeightGroup) - {WeightGroup.BOTTOM}
    assert all(group["new_weights"] is not None for group in answer["groups"])
    # Two seconds of processor time a group here; the rest is room for machines that others use too.
    assert time.monotonic() - started < 60


async def test_a_full_bulk_lane_is_told_before_the_body_is_read(client: httpx.AsyncClient) -> None:
    """503 with a time to come back; nothing is kept."""
    service = door_of(client).opened
    assert service is not None
    async with AsyncExitStack() as places:
        for _ in range(service.settings.capacity.bulk_queue):
            await places.enter_async_context(service.capacity.admitted(Lane.BULK))
        answer = await client.post("/weights/learn", json={"pairs": []})
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


def random_decision(rng: np.random.Generator, group: WeightGroup) -> Decision:
    """A pair of photos that is in no other."""
    measures = rng.uniform(-1, 1, (4, 5)).astype(np.float32)
    ours, theirs = (DecidedPhoto(rng.bytes(32).hex()) for _ in range(2))
    verdict = "design_copy" if rng.uniform() < 0.5 else "clear"
    nothing = np.zeros(5, np.bool_)
    return Decision("acme", ours, theirs, verdict, frozenset(), group, FAKE_MODELS, measures, 0.0, nothing)


async def test_too_many_pairs_or_photos_are_refused(client: httpx.AsyncClient) -> None:
    """Before any is looked at."""
    many = [pair()] * 501
    assert (await client.post("/weights/learn", json={"pairs": many})).status_code == 422
    sent = [
        {"image_a_base64": base64.b64encode(bytes([n])).decode(), "item_b": "x", "verdict": "clear"} for n in range(33)
    ]
    answer = await client.post("/weights/learn", json={"pairs": sent})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/pairs")


def test_a_foreign_tenants_items_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    """404, and not a number of theirs; who may review may not set weights, nor read who did; other tenants teach
    nothing."""
    with served_with_keys(tmp_path) as (client, settings):
        ours, theirs = (make_key(settings, Scope.INDEX, Scope.REVIEW, tenant=name) for name in ("default", "rival"))
        for number, headers in ((1, ours), (2, theirs)):
            files = {"image": ("a.png", photo(number), "image/png")}
            item = {"item_id": f"SKU-{number}"}
            assert client.post("/index/add", files=files, data=item, headers=headers).status_code == 201
        answer = client.post("/weights/learn", json={"pairs": [pair()]}, headers=ours)
        assert (answer.status_code, answer.json()["code"]) == (404, "item_not_found")
        assert "SKU-1" not in answer.text
        for method, path in (("PUT", "/weights/t_shirt"), ("GET", "/weights/t_shirt/versions")):
            assert client.request(method, path, headers=ours).status_code == 403
        key_id = ours["Authorization"].split("_")[1]
        assert client.post("/weights/learn", json={"pairs": []}, headers=theirs).status_code == 403
        admin = make_key(settings, Scope.ADMIN, tenant="default")
        made = client.put("/weights/t_shirt", json={"weights": EQUAL}, headers=admin).json()
        assert made["key_id"] == admin["Authorization"].split("_")[1] != key_id
        # What is in force is for all to see, who set it is not.
        assert made["key_id"] not in client.get("/weights/t_shirt", headers=ours).text
