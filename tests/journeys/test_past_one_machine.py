"""Past one machine: vectors in Milvus, photos in a bucket, the record in PostgreSQL; services share nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deploy.server_process import Server, serving
from index.errors import IndexUnavailable
from service.bootstrap_index import open_photos, open_registry
from service.cli.commands import app
from service.cli.opening import installed_models
from service.errors import SettingsError
from service.settings import read_settings
from tests.factories import make_new_photo, make_photo_bytes
from tests.journeys.conftest import add, served, settings_for
from tests.journeys.test_transfer import LONG_ID, fill, invoke, state_of
from tests.milvus import INSTALLED, lite_server, lite_uri, new_prefix
from tests.photos import photo
from tests.postgres import Cluster
from tests.s3 import BUCKET, s3_server
from tests.s3 import INSTALLED as S3_INSTALLED
from tests.serving import served_on_a_socket
from tests.waiting import wait_for

NEEDS_BOTH = pytest.mark.skipif(not (INSTALLED and S3_INSTALLED), reason="needs Milvus and S3: make test-scale")
FOUND_WITHIN_S = 10.0
"""A second is promised; machines that run tests are busy."""


def verdict(server: Server, seed: int) -> str:
    answer = httpx.post(f"{server.address}/check-plagiarism", files={"image": photo(seed)}, timeout=60)
    return str(answer.json()["verdict"])


def wait_until(server: Server, verdicts: dict[int, str]) -> None:
    """Until the photos of these seeds have these verdicts."""
    wait_for(lambda: {seed: verdict(server, seed) for seed in verdicts} == verdicts, FOUND_WITHIN_S)


@NEEDS_BOTH
def test_services_that_share_milvus_a_bucket_and_a_record_are_one(tmp_path: Path, postgres: Cluster) -> None:
    """What one acknowledges the other finds, shows and deletes, bytes included; a third starts from what is there."""
    with lite_server(tmp_path / "milvus.db") as (milvus, _), s3_server() as (bucket, _):
        settings = {
            "demo": "0",
            "redis_url": "off",
            "database_url": postgres.new_database(),
            "index__engine": "milvus",
            "index__milvus__uri": milvus,
            "photos__url": f"s3://{BUCKET}/photos",
        }
        with (
            serving(tmp_path / "a", settings, fake_models=True) as ours,
            serving(tmp_path / "b", settings, fake_models=True) as theirs,
        ):
            for here, there, seeds in ((ours, theirs, range(3)), (theirs, ours, range(10, 13))):
                for seed in seeds:
                    fields = {"item_id": f"SKU-{seed}"}
                    answer = httpx.post(
                        f"{here.address}/index/add", files={"image": photo(seed)}, data=fields, timeout=60
                    )
                    assert answer.status_code == 201, answer.text
                wait_until(there, dict.fromkeys(seeds, "image_copy"))
            item = httpx.get(f"{theirs.address}/index/items/SKU-1", timeout=60).json()
            where = f"/index/items/SKU-1/photos/{item['photos'][0]['photo_id']}"
            assert httpx.get(theirs.address + where, timeout=60).content == photo(1)
            assert not list(tmp_path.glob("?/photos/**/*")), "no data dir holds a photo"
            httpx.delete(f"{theirs.address}/index/items/SKU-1", timeout=60).raise_for_status()
            assert httpx.get(ours.address + where, timeout=60).status_code == 404
            name = hashlib.sha256(photo(1)).hexdigest()
            assert httpx.get(f"{bucket}/{BUCKET}/photos/{name[:2]}/{name}", timeout=60).status_code == 404
            wait_until(ours, {1: "clear", 2: "image_copy"})
        with serving(tmp_path / "c", settings, fake_models=True) as third:
            assert [verdict(third, seed) for seed in (1, 2, 11)] == ["clear", "image_copy", "image_copy"]


@NEEDS_BOTH
def test_a_catalogue_moves_by_export_and_import(tmp_path: Path) -> None:
    """From one machine onto Milvus and a bucket, verified line by line; nothing changes on the way."""
    file = tmp_path / "export.ndjson"
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    with served_on_a_socket(settings_for(tmp_path / "from")) as source, httpx.Client(base_url=source) as client:
        fill(client)
        assert invoke("index", "export", str(file), "--url", source).exit_code == 0
        before = state_of(client)
    with s3_server():
        milvus = {"uri": lite_uri(), "prefix": new_prefix()}
        settings = settings_for(
            tmp_path / "to",
            index={"engine": "milvus", "milvus": milvus},
            photos={"url": f"s3://{BUCKET}/photos"},
        )
        with served_on_a_socket(settings) as target, httpx.Client(base_url=target) as client:
            imported = invoke("index", "import", str(file), "--url", target)
            assert imported.exit_code == 0, imported.output
            assert "4 of 4 photos of 3 items are there" in imported.output
            assert state_of(client) == before
            stats = client.get("/index/stats").json()
            assert (stats["searchable"], stats["stale"]) == (4, False)
            matches = [
                client.post("/check-plagiarism", files={"image": photo(seed)}).json()["garments"][0]["matches"]
                for seed in (1, 2)
            ]
            assert matches[0][0]["item_id"] in ("SKU-1", LONG_ID)
            assert "SKU-2" not in [match["item_id"] for match in matches[1]], "it is disabled there as it was here"
            again = tmp_path / "again.ndjson"
            assert invoke("index", "export", str(again), "--url", target).exit_code == 0
            assert again.read_bytes() == file.read_bytes()


@NEEDS_BOTH
async def test_an_add_is_refused_while_the_bucket_is_away_and_checks_go_on(tmp_path: Path) -> None:
    """503 with a code of its own; nothing is recorded; a deletion is done at once, its bytes once the store is back."""
    with s3_server() as (_, server):
        settings = settings_for(tmp_path, photos={"url": f"s3://{BUCKET}/photos", "timeout_s": 2})
        async with served(settings) as client:
            assert (await add(client, "SKU-1", photo(1))).status_code == 201
            server.kill()
            server.wait()
            refused = await add(client, "SKU-2", photo(2))
            assert (refused.status_code, refused.json()["code"]) == (503, "index_unavailable")
            assert "photo store" in refused.json()["detail"]
            checked = await client.post("/check-plagiarism", files={"image": photo(1)})
            assert checked.json()["verdict"] == "image_copy"
            assert (await client.get("/index/stats")).json()["items"] == 1
            assert (await client.delete("/index/items/SKU-1")).status_code == 204
            assert (await client.get("/index/items/SKU-1")).status_code == 404


@NEEDS_BOTH
def test_verify_compares_milvus_with_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator types it; exit code 1 where they differ."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("SELVEDGE_INDEX__ENGINE", "milvus")
    monkeypatch.setenv("SELVEDGE_INDEX__MILVUS__URI", lite_uri())
    monkeypatch.setenv("SELVEDGE_INDEX__MILVUS__PREFIX", new_prefix())
    settings = read_settings(data_dir=tmp_path)
    version = installed_models(settings)
    registry = open_registry(settings, version)
    registry.start()
    for seed in range(6):
        registry.add(make_new_photo(seed, models_version=version), make_photo_bytes(seed))
    registry.close()
    command = ["index", "verify", "--data-dir", str(tmp_path)]
    said = CliRunner().invoke(app, command, catch_exceptions=False)
    assert (said.exit_code, said.output.count("ok"), "differs" in said.output) == (0, 4, False), said.output
    registry._catalogue.delete("SKU-3")
    said = CliRunner().invoke(app, command, catch_exceptions=False)
    assert (said.exit_code, "differs" in said.output) == (1, True), said.output


def test_settings_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    """Each in its own words."""
    for url in ("ftp://host/photos", "s3://", "photos"):
        with pytest.raises(SettingsError, match=r"photos\.url"):
            open_photos(read_settings(data_dir=tmp_path, photos={"url": url}))
    with open_photos(read_settings(data_dir=tmp_path, photos={"url": f"file://{tmp_path}/p"})).stored(
        hashlib.sha256(b"x").hexdigest(), b"x"
    ):
        assert len(list((tmp_path / "p").glob("??/*"))) == 1
    settings = read_settings(data_dir=tmp_path, index={"engine": "milvus", "milvus": {"uri": "http://127.0.0.1:9"}})
    with pytest.raises(IndexUnavailable if INSTALLED else SettingsError):
        open_registry(settings, "m1")
