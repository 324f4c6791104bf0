"""Bulk work over HTTP: uploads become jobs, jobs become items and verdicts, and every refused line says why."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import add, served, settings_for
from tests.photos import one_colour, photo

ZIP = {"Content-Type": "application/zip"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def zip_of(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def line_of(seed: int, **fields: Any) -> str:
    return json.dumps({"image_base64": base64.b64encode(photo(seed)).decode()} | fields)


async def finished(client: httpx.AsyncClient, job: Mapping[str, Any], **query: Any) -> dict[str, Any]:
    """The job once it is at its end."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await client.get(f"/jobs/{job['job_id']}", params=query)).json()
            if found["status"] not in ("queued", "running"):
                return found
            await asyncio.sleep(0.05)


async def test_a_zip_of_photos_becomes_items_called_like_its_files(client: httpx.AsyncClient) -> None:
    """In folders too; what macOS leaves behind is no photo, and a file that is none is told."""
    body = zip_of({"SKU-1.png": photo(1), "more/SKU-2.png": photo(2), "__MACOSX/._SKU-1.png": b"x", "notes.txt": "hi"})
    answer = await client.post("/index/bulk", content=body, headers=ZIP)
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert answer.headers["location"] == f"/jobs/{accepted['job_id']}"
    assert (accepted["kind"], accepted["status"], accepted["total"]) == ("adds", "queued", 3)
    job = await finished(client, accepted)
    assert (job["status"], job["done"], job["created"], job["failed"]) == ("done", 3, 2, 1)
    assert [(e["file"], e["item_id"], e["code"]) for e in job["errors"]] == [
        ("notes.txt", "notes", "unsupported_format")
    ]
    items = (await client.get("/index/items")).json()["items"]
    assert [item["item_id"] for item in items] == ["SKU-1", "SKU-2"]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_an_items_file_says_what_the_photos_are(client: httpx.AsyncClient, kind: str) -> None:
    """Fields of an add, by file; a row that is wrong is told by its line, the others are registered."""
    if kind == "csv":
        rows = """file,item_id,seller_id,title,metadata
a.png,SKU-1,s1,"A, shirt","{""a"": 1}"
b.png,,,,
gone.png,SKU-3,,,
a.png,SKU-4,,,no json
"""
    else:
        rows = "\n".join(
            json.dumps(row)
            for row in (
                {"file": "a.png", "item_id": "SKU-1", "seller_id": "s1", "title": "A, shirt", "metadata": {"a": 1}},
                {"file": "b.png"},
                {"file": "gone.png", "item_id": "SKU-3"},
                {"file": "a.png", "item_id": "SKU-4", "metadata": 3},
            )
        )
    body = zip_of({f"items.{kind}": rows, "a.png": photo(1), "b.png": photo(2)})
    job = await finished(client, (await client.post("/index/bulk", content=body, headers=ZIP)).json())
    assert (job["total"], job["created"], job["failed"]) == (4, 2, 2), job
    first = 4 if kind == "csv" else 3
    assert [(e["line"], e["file"], e["item_id"], e["code"]) for e in job["errors"]] == [
        (first, "gone.png", "SKU-3", "invalid_field"),
        (first + 1, "a.png", "SKU-4", "invalid_field"),
    ]
    item = (await client.get("/index/items/SKU-1")).json()
    assert (item["seller_id"], item["title"], item["metadata"]) == ("s1", "A, shirt", {"a": 1})
    assert (await client.get("/index/items/b")).status_code == 200


async def test_ndjson_is_one_add_a_line(client: httpx.AsyncClient) -> None:
    """Every refused line has the code that its own request would have got, and its number; pages of one."""
    lines = [
        line_of(1, item_id="SKU-1", title="Shirt"),
        "",
        "no json",
        line_of(2),
        json.dumps({"item_id": "SKU-3", "image_base64": base64.b64encode(one_colour()).decode()}),
        json.dumps({"item_id": "SKU-4", "image_url": "https://example.com/a.jpg"}),
        line_of(5, item_id="SKU-5", sha256="0" * 64),
        line_of(6, item_id="SKU-6"),
    ]
    body = "\n".join(lines).encode()
    job = await finished(client, (await client.post("/index/bulk", content=body, headers=NDJSON)).json())
    assert (job["total"], job["done"], job["created"], job["failed"]) == (7, 7, 2, 5)
    assert [(e["line"], e["item_id"], e["code"]) for e in job["errors"]] == [
        (3, None, "malformed_request"),
        (4, None, "invalid_field"),
        (5, "SKU-3", "no_garment"),
        (6, "SKU-4", "url_intake_off"),
        (7, "SKU-5", "invalid_field"),
    ]
    paged, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await finished(client, job, **query)
        paged += [error["line"] for error in page["errors"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == [3, 4, 5, 6, 7]
    assert [item["item_id"] for item in (await client.get("/index/items")).json()["items"]] == ["SKU-1", "SKU-6"]


async def test_the_same_upload_again_changes_nothing(client: httpx.AsyncClient) -> None:
    """Adds are idempotent by item id and photo."""
    body = zip_of({"SKU-1.png": photo(1), "SKU-2.png": photo(2)})
    for created in (2, 0):
        job = await finished(client, (await client.post("/index/bulk", content=body, headers=ZIP)).json())
        assert (job["done"], job["created"], job["failed"]) == (2, created, 0)
    stats = (await client.get("/index/stats")).json()
    assert (stats["items"], stats["photos"], stats["sequence"]) == (2, 2, 2)


async def test_bulk_checks_answer_in_ndjson(client: httpx.AsyncClient) -> None:
    """A line for each line, in their order, with the verdict of a check that can be read again."""
    await add(client, "SKU-1", photo(1))
    body = "\n".join(
        [line_of(1, item_id="L-1", top_k=3), line_of(2, item_id="L-2"), "{}", line_of(1, exclude_item_id="SKU-1")]
    )
    accepted = await client.post("/check-plagiarism/bulk", content=body.encode(), headers=NDJSON)
    assert accepted.status_code == 202, accepted.text
    job = await finished(client, accepted.json())
    assert (job["kind"], job["done"], job["failed"], job["created"]) == ("checks", 4, 1, 0)
    answer = await client.get(f"/jobs/{job['job_id']}/results")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [(result["line"], result["item_id"]) for result in results] == [(1, "L-1"), (2, "L-2"), (3, None), (4, None)]
    assert [result.get("check", {}).get("verdict") for result in results] == ["image_copy", "clear", None, "clear"]
    assert results[2]["problem"]["code"] == "invalid_field"
    again = await client.get(f"/checks/{results[0]['check']['check_id']}")
    assert again.json()["verdict"] == "image_copy"
    assert (await client.get("/index/stats")).json()["items"] == 1


async def test_jobs_are_listed_youngest_first_and_forgotten_on_demand(client: httpx.AsyncClient) -> None:
    """A page at a time; a job at its end is forgotten by DELETE, its items stay."""
    jobs = []
    for seed in (1, 2, 3):
        body = zip_of({f"SKU-{seed}.png": photo(seed)})
        jobs.append(await finished(client, (await client.post("/index/bulk", content=body, headers=ZIP)).json()))
    page = (await client.get("/jobs", params={"limit": 2})).json()
    rest = (await client.get("/jobs", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    listed = [job["job_id"] for job in page["jobs"] + rest["jobs"]]
    assert listed == [job["job_id"] for job in reversed(jobs)]
    assert rest["next_cursor"] is None
    assert (await client.get("/jobs", params={"cursor": "x"})).json()["code"] == "invalid_query"
    assert (await client.delete(f"/jobs/{listed[0]}")).status_code == 204
    gone = await client.get(f"/jobs/{listed[0]}")
    assert (gone.status_code, gone.json()["code"]) == (404, "job_not_found")
    assert (await client.get(f"/jobs/{listed[1]}/results")).status_code == 404
    assert (await client.get("/index/stats")).json()["items"] == 3


async def test_a_cancelled_job_stops_and_what_it_did_stays(tmp_path: Path) -> None:
    """Its upload is gone from the disk."""
    async with served(settings_for(tmp_path)) as client:
        body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(300)).encode()
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        while (await client.get(f"/jobs/{job['job_id']}")).json()["done"] < 3:
            await asyncio.sleep(0.01)
        assert (await client.delete(f"/jobs/{job['job_id']}")).status_code == 204
        cancelled = await finished(client, job)
        assert cancelled["status"] == "cancelled"
        assert 3 <= cancelled["done"] < 300
        await asyncio.sleep(0.3)
        items = (await client.get("/index/stats")).json()["items"]
        assert items - cancelled["done"] in (0, 1)
        assert (await finished(client, job))["done"] == cancelled["done"]
        assert list((tmp_path / "jobs").iterdir()) == []


async def test_a_tenant_has_a_limit_of_jobs_under_way(tmp_path: Path) -> None:
    """Beyond it 429, with when to come back."""
    async with served(settings_for(tmp_path, jobs={"most_live": 1})) as client:
        body = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(100)).encode()
        job = (await client.post("/index/bulk", content=body, headers=NDJSON)).json()
        refused = await client.post("/index/bulk", content=body, headers=NDJSON)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
        assert int(refused.headers["retry-after"]) > 0
        await client.delete(f"/jobs/{job['job_id']}")
        assert (await client.post("/index/bulk", content=line_of(1), headers=NDJSON)).status_code == 202


async def test_jobs_take_turns(tmp_path: Path) -> None:
    """A small job is not kept waiting by a large one that came first."""
    async with served(settings_for(tmp_path, jobs={"slice_s": 0.2})) as client:
        large = "\n".join(line_of(seed, item_id=f"SKU-{seed}") for seed in range(200)).encode()
        first = (await client.post("/index/bulk", content=large, headers=NDJSON)).json()
        second = (await client.post("/index/bulk", content=line_of(999, item_id="S"), headers=NDJSON)).json()
        assert (await finished(client, second))["created"] == 1
        assert (await client.get(f"/jobs/{first['job_id']}")).json()["status"] in ("queued", "running")
        whole = await finished(client, first)
        assert (whole["done"], whole["created"], whole["failed"]) == (200, 200, 0)
