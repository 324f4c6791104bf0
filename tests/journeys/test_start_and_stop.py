"""Starting, readiness, metrics, overload, and one real socket."""

from __future__ import annotations

import asyncio
import functools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import service.selvedge
from index.errors import IndexUnavailable
from index.following import Follower, Staleness
from models.errors import ModelFileError
from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from service.access.keyring import Keyring
from service.app import create_app
from service.bootstrap import assemble
from service.errors import ChecksUnavailable
from service.observability import Metrics
from service.selvedge import Selvedge
from service.settings import Settings
from tests.fakes import FakeDescriber
from tests.journeys.conftest import add, check, door_of, served, settings_for, wait_until_ready
from tests.photos import photo
from tests.serving import served_on_a_socket

ROOT = Path(__file__).resolve().parents[2]


async def test_the_service_is_live_at_once_and_ready_only_when_it_is(tmp_path: Path) -> None:
    """Until then every request is a 503 that says when to come back."""
    go_on = threading.Event()

    def slowly(settings: Settings, metrics: Metrics) -> Selvedge:
        go_on.wait(30)
        return assemble(settings, metrics, lambda _: FakeDescriber())

    app = create_app(settings_for(tmp_path), slowly)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/livez")).status_code == 200
            early = await client.get("/readyz")
            assert (early.status_code, early.json()["ready"]) == (503, False)
            refused = await check(client, photo(1))
            assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await client.get("/metrics")).status_code == 200
            go_on.set()
            await wait_until_ready(client)
            assert (await check(client, photo(1))).status_code == 200


async def test_a_model_that_cannot_be_trusted_keeps_the_service_unready(tmp_path: Path) -> None:
    """It says why, and stays live so that the reason can be read."""

    def fail(_settings: Settings) -> FakeDescriber:
        raise ModelFileError("detector.onnx is not the file its manifest describes")

    app = create_app(settings_for(tmp_path), functools.partial(assemble, make_describer=fail))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for _ in range(200):
                answer = await client.get("/readyz")
                if "manifest" in answer.text:
                    break
                await asyncio.sleep(0.02)
            assert (answer.status_code, "detector.onnx" in answer.json()["reason"]) == (503, True)
            assert (await client.get("/livez")).status_code == 200
            assert (await check(client, photo(1))).json()["code"] == "not_ready"


async def test_a_spoilt_store_of_checks_keeps_the_service_unready_and_leaves_nothing_open(tmp_path: Path) -> None:
    """The record opened before it is closed again: the next start finds no lock."""
    (tmp_path / "checks.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(ChecksUnavailable):
        assemble(settings_for(tmp_path), Metrics(), lambda _: FakeDescriber())
    (tmp_path / "checks.sqlite").unlink()
    async with served(settings_for(tmp_path)) as client:
        assert (await check(client, photo(1))).status_code == 200


async def test_readiness_runs_a_canary(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that fails is not ready, though models and index are loaded."""
    opened = door_of(client).opened
    assert opened is not None

    def fail(_query: object) -> None:
        raise IndexUnavailable("the disk is gone")

    monkeypatch.setattr(opened.registry, "search", fail)
    answer = await client.get("/readyz")
    assert (answer.status_code, "the disk is gone" in answer.json()["index"]) == (503, True)
    monkeypatch.undo()
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("behind", "status", "said"),
    [
        (Staleness(3, 0.2), 200, "ok"),
        (Staleness(3, 7.0), 503, "stale: not caught up for 7.0 s, at least 3 changes behind"),
    ],
)
async def test_a_replica_that_follows_is_ready_and_one_that_falls_behind_is_not(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, behind: Staleness, status: int, said: str
) -> None:
    """Changes that came just now are no reason to send nobody here; both are told."""
    monkeypatch.setattr(Follower, "staleness", property(lambda _: behind))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["index"]) == (status, said)
    assert answer.json()["behind"] == {"changes": behind.changes, "seconds": behind.seconds}
    assert f"selvedge_index_behind_seconds {behind.seconds}" in (await client.get("/metrics")).text


async def test_readiness_does_not_wait_for_a_table_of_keys_that_hangs(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so in time."""

    async def hang(_keyring: Keyring) -> bool:
        await asyncio.sleep(600)
        return True

    monkeypatch.setattr(service.selvedge, "_CANARY_S", 0.2)
    opened = door_of(client).opened
    assert opened is not None
    with monkeypatch.context() as patched:
        patched.setattr(Keyring, "empty", hang)
        found = await opened.readiness()
    assert (found.access, found.ready) == ("the table of keys does not answer", True)


async def test_metrics_show_stages_verdicts_requests_and_the_index(client: httpx.AsyncClient) -> None:
    """What an operator watches."""
    await add(client, "SKU-1", photo(1))
    await check(client, photo(1))
    await client.get("/index/items/SKU-1")
    text = (await client.get("/metrics")).text
    for line in (
        'selvedge_stage_seconds_count{stage="embed"} 2.0',
        'selvedge_verdicts_total{verdict="image_copy"} 1.0',
        'selvedge_requests_total{method="POST",route="/check-plagiarism",status="200"} 1.0',
        'selvedge_cache_lookups_total{cache="verdict",result="miss"} 1.0',
        "selvedge_index_garments 1.0",
        "selvedge_in_flight 0.0",
    ):
        assert line in text
    assert "SKU-1" not in text


async def test_operators_get_answers_while_the_index_is_rebuilt(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged snapshot takes searches away for a while: metrics, versions and numbers stay."""
    await add(client, "SKU-1", photo(1))
    live = door_of(client).service().registry._live
    monkeypatch.setattr(live, "_ready", False)
    text = (await client.get("/metrics")).text
    assert "selvedge_index_sequence 1.0" in text
    assert "selvedge_index_stale 1.0" in text
    assert (await client.get("/version")).json()["versions"]["index"] == 1
    stats = (await client.get("/index/stats")).json()
    assert (stats["items"], stats["searchable"], stats["ready"], stats["stale"]) == (1, 0, False, True)
    assert (await client.get("/readyz")).json()["index"] == "not caught up"
    assert (await check(client, photo(1))).status_code == 503
    assert (await add(client, "SKU-2", photo(2))).status_code == 503
    monkeypatch.undo()
    assert (await check(client, photo(1))).json()["verdict"] == "image_copy"


async def test_every_answer_names_its_request(client: httpx.AsyncClient) -> None:
    """A caller's own id is kept."""
    own = "0123456789abcdef0123456789abcdef"
    answer = await client.get("/nothing", headers={"X-Request-ID": own})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (own, own)


async def test_the_versions_of_the_next_answer_can_be_read(client: httpx.AsyncClient) -> None:
    """The same as in the answer."""
    told = (await client.get("/version")).json()["versions"]
    assert told == (await check(client, photo(1))).json()["versions"]


class SlowDescriber(FakeDescriber):
    """Takes its time over everything that is not the canary."""

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        time.sleep(0.15 if image.width == 240 else 0)
        return super().describe(image, category)


async def test_a_burst_is_answered_or_refused_early_and_forgotten_after(tmp_path: Path) -> None:
    """Bounded queue: 503 with Retry-After; then the old speed again."""
    options = {"capacity": {"workers": 2, "queue": 2}}
    async with served(settings_for(tmp_path, **options), SlowDescriber()) as client:
        answers = await asyncio.gather(*(check(client, photo(seed)) for seed in range(12)))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(503)) == (4, 8)
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.json()["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.get("/livez")).status_code == 200
        assert (await check(client, photo(1))).status_code == 200


async def test_metrics_can_have_a_port_of_their_own(tmp_path: Path) -> None:
    """They are then nowhere else."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with served(settings_for(tmp_path, ops_port=port)) as client:
        assert (await client.get("/metrics")).status_code == 404
        async with httpx.AsyncClient() as operator:
            answer = await operator.get(f"http://127.0.0.1:{port}/metrics")
        assert "selvedge_index_garments 0.0" in answer.text


async def test_the_demo_is_loaded_once_into_an_empty_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not ready before; the second start adds nothing."""
    from service import demo_loading
    from service.demo.catalogue import demo_catalogue

    def three() -> Iterator[object]:
        items = demo_catalogue()
        return (next(items) for _ in range(3))

    monkeypatch.setattr(demo_loading, "demo_catalogue", three)
    for _ in range(2):
        async with served(settings_for(tmp_path, demo=True)) as client:
            stats = (await client.get("/index/stats")).json()
            assert (stats["items"], stats["sequence"]) == (3, 3)


def test_the_main_job_goes_over_a_real_socket(tmp_path: Path) -> None:
    """Add, check, and a 50 MB upload that is refused without being read to the end."""
    with (
        served_on_a_socket(settings_for(tmp_path, redis_url=None)) as address,
        httpx.Client(base_url=address) as client,
    ):
        files = {"image": ("a.png", photo(1), "image/png")}
        assert client.post("/index/add", files=files, data={"item_id": "SKU-1"}).status_code == 201
        assert client.post("/check-plagiarism", files=files).json()["verdict"] == "image_copy"
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert client.get("/docs").status_code == 200
        large = client.post("/check-plagiarism", files={"image": bytes(50_000_000)})
        assert (large.status_code, large.json()["code"]) == (413, "upload_too_large")
        assert client.post("/check-plagiarism", files=files).status_code == 200


def test_a_caller_who_hangs_up_while_sending_is_no_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is logged as ours, and the next caller is answered."""
    with served_on_a_socket(settings_for(tmp_path)) as address:
        host, port = address.removeprefix("http://").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(
                    b"POST /check-plagiarism HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
                    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form"
                )
        assert httpx.post(f"{address}/check-plagiarism", files={"image": photo(1)}).status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_the_service_starts_without_torch() -> None:
    """Torch lives behind one wall; a serving process never sees it."""
    program = "import sys; import service.app, service.bootstrap; assert 'torch' not in sys.modules; print('torchless')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "torchless\n", done.stderr
