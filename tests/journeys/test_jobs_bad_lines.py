"""A line that no record could keep as it is, or whose answer would be too much to keep, is refused like any other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import served, settings_for
from tests.journeys.test_jobs import NDJSON, ZIP, finished, line_of, zip_of
from tests.photos import photo

HALF = "\ud800"
NUL = "a\0b"


async def worked(client: httpx.AsyncClient, route: str, body: bytes, headers: dict[str, str]) -> dict[str, object]:
    async with asyncio.timeout(20):
        return await finished(client, (await client.post(route, content=body, headers=headers)).json())


@pytest.mark.parametrize("route", ["/index/bulk", "/check-plagiarism/bulk"])
async def test_names_that_no_record_keeps_stop_no_job(tmp_path: Path, record_url: str, route: str) -> None:
    """Half a character, or NUL: the line is refused, its name told as far as it is text; the others are worked on."""
    lines = [
        line_of(1, item_id="SKU-1"),
        json.dumps({"item_id": HALF, "image_base64": "!!"}),
        json.dumps({"item_id": NUL, "image_base64": "!!"}),
        line_of(2, item_id="SKU-2", **{f"field{HALF}": 1}),
        line_of(3, item_id="SKU-3", category=NUL),
        line_of(4, item_id="SKU-4"),
    ]
    async with served(settings_for(tmp_path, database_url=record_url)) as client:
        job = await worked(client, route, "\n".join(lines).encode(), NDJSON)
        assert (job["status"], job["done"], job["failed"]) == ("done", 6, 4), job
        assert isinstance(job["errors"], list)
        assert [(e["line"], e["item_id"]) for e in job["errors"]] == [
            (2, "?"),
            (3, "a\ufffdb"),
            (4, "SKU-2"),
            (5, "SKU-3"),
        ]
        if job["kind"] == "checks":
            results = (await client.get(f"/jobs/{job['job_id']}/results")).text.splitlines()
            assert [json.loads(line)["item_id"] for line in results][1:3] == ["?", "a\ufffdb"]


async def test_a_file_that_no_record_keeps_stops_no_job(tmp_path: Path, record_url: str) -> None:
    """Named in a table inside the ZIP."""
    rows = "\n".join(json.dumps({"file": file}) for file in (f"{HALF}.png", f"{NUL}.png", "a.png"))
    body = zip_of({"items.ndjson": rows, "a.png": photo(1)})
    async with served(settings_for(tmp_path, database_url=record_url)) as client:
        job = await worked(client, "/index/bulk", body, ZIP)
        assert (job["status"], job["done"], job["created"]) == ("done", 3, 1), job
        assert isinstance(job["errors"], list)
        assert [(e["file"], e["item_id"]) for e in job["errors"]] == [("?.png", "?"), ("a\ufffdb.png", "a\ufffdb")]


@pytest.mark.parametrize("asked", ["overlay", ["regions", "overlay"]])
async def test_nothing_is_drawn_in_bulk(client: httpx.AsyncClient, asked: object) -> None:
    """A drawing is many times the photo, and answers are kept; the other parts of an answer may be asked for."""
    lines = [line_of(1, include=asked), line_of(1, include=["landmarks", "regions"])]
    job = await worked(client, "/check-plagiarism/bulk", "\n".join(lines).encode(), NDJSON)
    assert (job["status"], job["done"], job["failed"]) == ("done", 2, 1)
    assert job["errors"] == [
        {
            "line": 1,
            "file": None,
            "item_id": None,
            "code": "invalid_field",
            "detail": "include: overlay is not drawn in bulk; POST /check-plagiarism draws it",
        }
    ]
    refused, answered = map(json.loads, (await client.get(f"/jobs/{job['job_id']}/results")).text.splitlines())
    assert refused["problem"]["code"] == "invalid_field"
    assert answered["check"]["overlay"] is None
