"""Idempotency-Key on POST: worked on once, answered alike, and never a failure kept."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from service.access.keys import Scope
from service.fingerprints import fingerprint_of
from tests.fakes import FakeDescriber
from tests.journeys.conftest import door_of, served, settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_jobs import NDJSON, line_of
from tests.photos import photo

ADD = "/index/add"


class CountingDescriber(FakeDescriber):
    """Counts small photos (the canary is larger), waits when told to, and fails when told to."""

    def __init__(self) -> None:
        self.seen = 0
        self.failing = False
        self.go_on = threading.Event()
        self.go_on.set()
        self.looking = threading.Event()

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        if image.width < 300:
            self.seen += 1
            self.looking.set()
            self.go_on.wait(20)
            if self.failing:
                raise RuntimeError("out of memory")
        return super().describe(image, category)


@pytest_asyncio.fixture(params=["off", None], ids=["here", "valkey"])
async def service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, CountingDescriber]]:
    """An empty service, its claims here or in Valkey; what was seen of photos is not cached."""
    describer = CountingDescriber()
    settings = settings_for(tmp_path, redis_url=request.param, cache={"seen_ttl_s": 1})
    async with served(settings, describer) as client:
        yield client, describer


async def post(client: httpx.AsyncClient, key: str, seed: int = 1, path: str = ADD, **fields: str) -> httpx.Response:
    data = {"item_id": "SKU-1", **fields} if path == ADD else fields
    files = {"image": ("a.png", photo(seed), "image/png")}
    return await client.post(path, files=files, data=data, headers={"Idempotency-Key": key})


async def test_the_same_request_again_gets_the_same_answer(
    service: tuple[httpx.AsyncClient, CountingDescriber],
) -> None:
    """Byte for byte, marked, and worked on once; though the client draws another boundary."""
    client, describer = service
    first = await post(client, "k1")
    again = await post(client, "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert describer.seen == 1
    assert (await post(client, "k2")).status_code == 200


async def test_checks_have_one_record_a_key(service: tuple[httpx.AsyncClient, CountingDescriber]) -> None:
    """The same check id; another path has keys of its own."""
    client, _ = service
    ids = {(await post(client, "k", path="/check-plagiarism")).json()["check_id"] for _ in range(3)}
    assert len(ids) == 1
    assert (await post(client, "k", path="/search")).status_code == 200


async def test_a_key_with_another_body_is_refused(service: tuple[httpx.AsyncClient, CountingDescriber]) -> None:
    """Another photo, another field, another query, another kind of body."""
    client, _ = service
    assert (await post(client, "k")).status_code == 201
    others = [
        await post(client, "k", seed=2),
        await post(client, "k", title="other"),
        await client.post(ADD, json={"item_id": "SKU-1"}, headers={"Idempotency-Key": "k"}),
    ]
    for answer in others:
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_request_in_flight_is_not_worked_on_twice(service: tuple[httpx.AsyncClient, CountingDescriber]) -> None:
    """409 with when to come back; afterwards the answer."""
    client, describer = service
    describer.go_on.clear()
    first = asyncio.create_task(post(client, "k"))
    await asyncio.to_thread(describer.looking.wait, 20)
    second = await post(client, "k")
    assert (second.status_code, second.json()["code"]) == (409, "still_running")
    assert second.headers["retry-after"] == "1"
    describer.go_on.set()
    assert (await first).status_code == 201
    assert (await post(client, "k")).headers["idempotency-replayed"] == "true"
    assert describer.seen == 1


async def test_failures_of_ours_are_not_kept_and_mistakes_are(
    service: tuple[httpx.AsyncClient, CountingDescriber],
) -> None:
    """After a 500 the same key may try again; a refused photo stays refused."""
    client, describer = service
    describer.failing = True
    assert (await post(client, "k")).status_code == 500
    describer.failing = False
    assert (await post(client, "k")).status_code == 201
    wrong = [await post(client, "wrong", published_at="yesterday") for _ in range(2)]
    assert [answer.status_code for answer in wrong] == [422, 422]
    assert wrong[1].headers["idempotency-replayed"] == "true"


async def test_a_full_queue_is_not_kept(tmp_path: Path) -> None:
    """503 now, an answer later, with the same key."""
    describer = CountingDescriber()
    settings = settings_for(tmp_path, capacity={"workers": 1, "queue": 0})
    async with served(settings, describer) as client:
        describer.go_on.clear()
        busy = asyncio.create_task(post(client, "busy"))
        await asyncio.to_thread(describer.looking.wait, 20)
        assert (await post(client, "k", seed=2)).status_code == 503
        describer.go_on.set()
        assert (await busy).status_code == 201
        assert (await post(client, "k", seed=2)).headers.get("idempotency-replayed") is None


async def test_too_many_requests_are_not_kept_and_keys_are_a_tenants_own(tmp_path: Path) -> None:
    """Two tenants with the same Idempotency-Key do not meet."""
    settings = settings_for(tmp_path)
    ours, theirs = make_key(settings, *Scope, tenant="acme"), make_key(settings, *Scope, tenant="rival", per_minute=1)
    async with served(settings) as client:
        files = {"image": ("a.png", photo(1), "image/png")}
        address, key = "/check-plagiarism", {"Idempotency-Key": "k"}
        first = await client.post(address, files=files, headers=ours | key)
        other = await client.post(address, files=files, headers=theirs | key)
        assert first.json()["check_id"] != other.json()["check_id"]
        assert (await client.post(address, files=files, headers=theirs | key)).status_code == 429
        assert (await client.post(address, files=files, headers=ours | key)).json() == first.json()


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\there"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str) -> None:
    """400; nothing is stored."""
    answer = await post(client, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert (await client.get("/index/stats")).json()["items"] == 0


async def test_a_body_without_end_is_refused_with_a_key_too(client: httpx.AsyncClient) -> None:
    """The body is held to compare it, so it is counted here first."""
    limit = door_of(client).settings.images.max_bytes
    answer = await client.post(ADD, content=bytes(3 * limit), headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


async def test_answers_end_with_their_time_and_claims_with_their_lease(tmp_path: Path) -> None:
    """A process that died in the middle does not hold a key for a day."""
    describer = CountingDescriber()
    settings = settings_for(tmp_path, idempotency={"keep_s": 1, "lease_s": 1})
    async with served(settings, describer) as client:
        first = await post(client, "k", path="/check-plagiarism")
        await asyncio.sleep(1.2)
        second = await post(client, "k", path="/check-plagiarism")
        assert second.json()["check_id"] != first.json()["check_id"]
        opened = door_of(client).opened
        assert opened is not None
        assert await opened.claims.claim("left", b"{}", settings.idempotency.lease_s) is None
        await asyncio.sleep(1.2)
        assert await opened.claims.claim("left", b"{}", 1) is None


async def test_an_upload_of_a_job_is_taken_in_once_and_not_held(
    service: tuple[httpx.AsyncClient, CountingDescriber],
) -> None:
    """However large: the same key leads to the same job; another body is another request, of whatever length."""
    client, _ = service
    limit = door_of(client).service().settings.images.max_bytes
    body = line_of(1, item_id="SKU-1").encode() + b"\n" * (3 * limit + 2_000_000)
    headers = NDJSON | {"Idempotency-Key": "night-1"}
    first = await client.post("/index/bulk", content=body, headers=headers)
    again = await client.post("/index/bulk", content=body, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await client.get("/jobs")).json()["jobs"]) == 1
    for changed in (body + b"\n", body[:-1] + b" "):
        other = await client.post("/index/bulk", content=changed, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await client.get("/jobs")).json()["jobs"]) == 1


async def in_pieces(body: bytes, given: list[int], go_on: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """A body without a length; `given` says how many pieces were asked for."""
    for start in range(0, len(body), 50_000):
        given.append(start)
        yield body[start : start + 50_000]
        if go_on is not None:
            await go_on.wait()


async def test_an_upload_is_the_same_however_it_is_sent(
    service: tuple[httpx.AsyncClient, CountingDescriber],
) -> None:
    """In chunks or with its length; one in flight is 409, whatever it turns out to be."""
    client, _ = service
    body = line_of(1, item_id="SKU-1").encode() + b"\n" * 100_000
    headers, go_on, given = NDJSON | {"Idempotency-Key": "k"}, asyncio.Event(), list[int]()
    first = asyncio.create_task(client.post("/index/bulk", content=in_pieces(body, given, go_on), headers=headers))
    async with asyncio.timeout(20):
        while not given:
            await asyncio.sleep(0.01)
    during = await client.post("/index/bulk", content=body, headers=headers)
    assert (during.status_code, during.json()["code"]) == (409, "still_running")
    go_on.set()
    accepted = await first
    assert accepted.status_code == 202, accepted.text
    again = await client.post("/index/bulk", content=body, headers=headers)
    assert (again.status_code, again.json()) == (202, accepted.json())
    other = await client.post("/index/bulk", content=in_pieces(body[:-1], given), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_upload_longer_than_the_lease_keeps_its_key(tmp_path: Path) -> None:
    """The claim is renewed as its bytes come."""
    async with served(settings_for(tmp_path, idempotency={"lease_s": 1})) as client:
        body = line_of(1, item_id="SKU-1").encode()
        headers = NDJSON | {"Idempotency-Key": "k"}

        async def slowly() -> AsyncIterator[bytes]:
            for start in range(0, len(body), len(body) // 8 + 1):
                yield body[start : start + len(body) // 8 + 1]
                await asyncio.sleep(0.25)

        first = asyncio.create_task(client.post("/index/bulk", content=slowly(), headers=headers))
        await asyncio.sleep(1.5)
        assert (await client.post("/index/bulk", content=body, headers=headers)).status_code == 409
        assert (await first).status_code == 202


async def test_uploads_that_were_not_read_to_their_end_are_not_kept(tmp_path: Path) -> None:
    """Nobody knows what they were: the next may be right."""
    async with served(settings_for(tmp_path, jobs={"max_bytes": 200_000})) as client:
        body, key = line_of(1, item_id="SKU-1").encode(), {"Idempotency-Key": "k"}
        assert (await client.post("/index/bulk", content=body, headers=key)).status_code == 415
        assert (await client.post("/index/bulk", content=bytes(300_000), headers=NDJSON | key)).status_code == 413
        assert (await client.post("/index/bulk", content=body, headers=NDJSON | key)).status_code == 202


async def test_with_a_key_too_a_refusal_comes_before_the_body_is_read(tmp_path: Path) -> None:
    """A full queue, a full disk."""
    describer = CountingDescriber()
    form = {"Content-Type": "multipart/form-data; boundary=x", "Idempotency-Key": "k"}
    async with served(settings_for(tmp_path, capacity={"workers": 1, "queue": 0}), describer) as client:
        describer.go_on.clear()
        busy = asyncio.create_task(post(client, "busy"))
        await asyncio.to_thread(describer.looking.wait, 20)
        given: list[int] = []
        refused = await client.post("/check-plagiarism", content=in_pieces(bytes(500_000), given), headers=form)
        assert (refused.status_code, refused.json()["code"], given) == (503, "overloaded", [])
        describer.go_on.set()
        assert (await busy).status_code == 201
        door_of(client).service().disk._least_free_bytes = 1 << 62
        refused = await client.post(ADD, content=in_pieces(bytes(500_000), given), headers=form)
        assert (refused.status_code, refused.json()["code"], given) == (507, "read_only", [])


async def test_boundaries_of_one_letter_make_no_body_longer() -> None:
    """A body of nothing else would be eight times its size."""
    scope = {"headers": [(b"content-type", b"multipart/form-data; boundary=a")], "query_string": b""}
    tracemalloc.start()
    fingerprint_of(scope, b"a" * 4_000_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000
