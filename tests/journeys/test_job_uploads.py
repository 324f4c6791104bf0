"""Uploads that are no job: refused by a code of their own, and nothing is left on the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.access.keys import Scope
from tests.journeys.conftest import door_of, served, settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_jobs import NDJSON, ZIP, finished, line_of, zip_of
from tests.photos import photo

REFUSED = {
    "no archive": (b"no archive", ZIP, 422, "damaged_archive"),
    "empty archive": (zip_of({}), ZIP, 422, "damaged_archive"),
    "empty lines": (b"\n\n", NDJSON, 422, "damaged_archive"),
    "traversal": (zip_of({"../a.png": photo(1)}), ZIP, 422, "unsafe_archive"),
    "nested": (zip_of({"a.zip": zip_of({"a.png": photo(1)})}), ZIP, 422, "nested_archive"),
    "bomb": (zip_of({"a.png": bytes(3_000_000)}), ZIP, 422, "archive_bomb"),
    "entries": (zip_of({f"{n}.png": b"x" for n in range(21)}), ZIP, 413, "too_many_lines"),
    "rows": (zip_of({"items.csv": "file\n" + "a.png\n" * 21}), ZIP, 413, "too_many_lines"),
    "lines": (b"{}\n" * 21, NDJSON, 413, "too_many_lines"),
    "bytes": (b"x" * 200_001, NDJSON, 413, "upload_too_large"),
    "table": (zip_of({"items.csv": "title\nx\n"}), ZIP, 400, "malformed_request"),
    "form": (b"x", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_body"),
}


@pytest.mark.parametrize("route", ["/index/bulk", "/check-plagiarism/bulk"])
@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_upload_is_refused_by_name(tmp_path: Path, name: str, route: str) -> None:
    """Before a job is made of it."""
    body, headers, status, code = REFUSED[name]
    async with served(settings_for(tmp_path, jobs={"max_lines": 20, "max_bytes": 200_000})) as client:
        answer = await client.post(route, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert (await client.get("/jobs")).json()["jobs"] == []
        assert list((tmp_path / "jobs").iterdir()) == []


async def test_bytes_are_counted_as_they_come(tmp_path: Path) -> None:
    """Whatever was announced: here, nothing."""
    given = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(1_000):
            given += 100_000
            yield bytes(100_000)

    async with served(settings_for(tmp_path, jobs={"max_bytes": 2_000_000})) as client:
        answer = await client.post("/index/bulk", content=chunks(), headers=ZIP)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
        assert given <= 2_200_000
        assert list((tmp_path / "jobs").iterdir()) == []


async def test_a_full_disk_refuses_jobs_and_those_under_way_wait(tmp_path: Path) -> None:
    """They say what they wait for, and go on once there is room."""
    async with served(settings_for(tmp_path, jobs={"lease_s": 0.3})) as client:
        disk = door_of(client).service().disk
        body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(30)).encode()
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        disk._least_free_bytes = 1 << 62
        refused = await client.post("/index/bulk", content=body, headers=NDJSON)
        assert (refused.status_code, refused.json()["code"]) == (507, "read_only")
        while (waits := (await client.get(f"/jobs/{job['job_id']}")).json())["waiting_for"] is None:
            assert waits["status"] in ("queued", "running")
        assert waits["waiting_for"] == "read_only"
        disk._least_free_bytes = 0
        done = await finished(client, job)
        assert (done["status"], done["done"], done["created"], done["failed"]) == ("done", 30, 30, 0)
        assert done["waiting_for"] is None


async def test_jobs_are_seen_by_their_tenant_and_by_those_who_may_ask_for_them(tmp_path: Path) -> None:
    """Anything else is as if it were not there."""
    settings = settings_for(tmp_path)
    keys = {
        "acme": make_key(settings, Scope.INDEX, Scope.CHECK, tenant="acme"),
        "checks only": make_key(settings, Scope.CHECK, tenant="acme"),
        "review": make_key(settings, Scope.REVIEW, tenant="acme"),
        "other": make_key(settings, Scope.INDEX, Scope.CHECK, tenant="other"),
    }
    async with served(settings) as client:
        body = line_of(1, item_id="SKU-1").encode()
        refused = await client.post("/index/bulk", content=body, headers=NDJSON | keys["checks only"])
        assert refused.status_code == 403
        mine = httpx.AsyncClient(transport=client._transport, base_url=client.base_url, headers=keys["acme"])
        job = await finished(mine, (await mine.post("/index/bulk", content=body, headers=NDJSON)).json())
        assert job["created"] == 1
        path = f"/jobs/{job['job_id']}"
        for who in ("other", "checks only"):
            assert (await client.get("/jobs", headers=keys[who])).json()["jobs"] == []
            for method, where in (("GET", path), ("DELETE", path), ("GET", f"{path}/results")):
                answer = await client.request(method, where, headers=keys[who])
                assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert (await client.get("/jobs", headers=keys["review"])).status_code == 403
        assert (await client.get(path)).status_code == 401
        assert (await client.get("/index/items/SKU-1", headers=keys["other"])).status_code == 404
        assert (await mine.get("/index/items/SKU-1")).status_code == 200
