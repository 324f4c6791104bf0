"""A catalogue leaves as one file and arrives whole: by the command line, on a data dir and over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.cli.commands import app
from service.cli.connection import ask
from service.cli.transfer import ExportUnusable
from tests.journeys.conftest import settings_for
from tests.journeys.test_command_line import data_dir
from tests.photos import photo
from tests.serving import served_on_a_socket

__all__ = ["data_dir"]
runner = CliRunner()
PAST, FUTURE = "2026-01-02T00:00:00Z", "2999-01-01T00:00:00Z"
LONG_ID = "a/b ü?#%2F" + "x" * 50


def invoke(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments), env={"COLUMNS": "200"})


def fill(client: httpx.Client) -> None:
    """Three items: one with metadata, one with two photos and disabled, one with a strange name; one photo is two
    items'."""
    adds: list[tuple[str, int, dict[str, str]]] = [
        ("SKU-1", 1, {"seller_id": "s1", "title": "Ünï", "metadata": '{"a": [1, null]}', "category": "vest"}),
        ("SKU-2", 2, {"published_at": PAST, "disabled_until": FUTURE, "url": "https://example.com/2"}),
        ("SKU-2", 3, {}),
        (LONG_ID, 1, {}),
    ]
    for item_id, seed, fields in adds:
        answer = client.post("/index/add", files={"image": photo(seed)}, data={"item_id": item_id, **fields})
        assert answer.status_code == 201, answer.text


def state_of(client: httpx.Client) -> list[dict[str, Any]]:
    """Items without what belongs to one service: when they came, and under which number."""
    items: list[dict[str, Any]] = client.get("/index/items").json()["items"]
    for item in items:
        del item["created_at"], item["updated_at"]
        for held in item["photos"]:
            del held["added_at"]
    return items


def test_what_is_exported_is_imported_whole_and_again_changes_nothing(tmp_path: Path) -> None:
    """Details, photos, designs; every line verified; the second time the log of changes does not grow."""
    file = tmp_path / "export.ndjson"
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    with served_on_a_socket(settings_for(tmp_path / "from")) as source, httpx.Client(base_url=source) as client:
        fill(client)
        exported = invoke("index", "export", str(file), "--url", source)
        assert exported.exit_code == 0, exported.output
        assert "3 items, 4 photos" in exported.output
        before = state_of(client)
        assert [item["disabled_until"] for item in before] == [None, FUTURE, None]
    with served_on_a_socket(settings_for(tmp_path / "to")) as target, httpx.Client(base_url=target) as client:
        for created in (4, 0):
            imported = invoke("index", "import", str(file), "--url", target)
            assert imported.exit_code == 0, imported.output
            assert f"{created} registered, {4 - created} known before, 0 refused" in imported.output
            assert "4 of 4 photos of 3 items are there" in imported.output
            assert state_of(client) == before
            assert client.get("/index/stats").json()["sequence"] == 4
        again = tmp_path / "again.ndjson"
        assert invoke("index", "export", str(again), "--url", target).exit_code == 0
        assert again.read_bytes() == file.read_bytes()


def test_an_export_leaves_out_what_is_deleted_before_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item, and one photo of another, go between the page that lists them and their photos; the counts are right."""
    file = tmp_path / "export.ndjson"
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    with served_on_a_socket(settings_for(tmp_path / "from")) as source, httpx.Client(base_url=source) as client:
        fill(client)

        async def ask_and_delete(asked: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
            answer = await ask(asked, method, path, **options)
            if path == "/index/items":
                assert client.delete("/index/items/SKU-1").status_code == 204
                kept = {"item_id": "SKU-2", "replace": "true"}
                assert client.post("/index/add", files={"image": photo(3)}, data=kept).status_code == 200
            return answer

        with monkeypatch.context() as patched:
            patched.setattr("service.cli.transfer.ask", ask_and_delete)
            exported = invoke("index", "export", str(file), "--url", source)
        assert exported.exit_code == 0, exported.output
        assert "2 items, 2 photos" in exported.output
        before = state_of(client)
    with served_on_a_socket(settings_for(tmp_path / "to")) as target, httpx.Client(base_url=target) as client:
        imported = invoke("index", "import", str(file), "--url", target)
        assert "2 of 2 photos of 2 items are there" in imported.output, imported.output
        assert state_of(client) == before


def test_a_photo_that_is_listed_and_missing_stops_an_export(data_dir: str, tmp_path: Path) -> None:
    """It was not deleted but lost: no export leaves that out in silence."""
    (tmp_path / "SKU-1.png").write_bytes(photo(1))
    invoke("add", str(tmp_path / "SKU-1.png"), "--data-dir", data_dir)
    next(path for path in Path(data_dir, "photos").glob("??/*") if path.is_file()).unlink()
    exported = invoke("index", "export", str(tmp_path / "export.ndjson"), "--data-dir", data_dir)
    assert isinstance(exported.exception, ExportUnusable), exported.output
    assert "is missing" in str(exported.exception)
    assert not (tmp_path / "export.ndjson").exists()


def test_an_export_of_a_data_dir_is_an_upload_of_adds(data_dir: str, tmp_path: Path) -> None:
    """Without a service; all but its last line is what `POST /index/bulk` takes."""
    (tmp_path / "SKU-1.png").write_bytes(photo(1))
    assert invoke("add", str(tmp_path / "SKU-1.png"), "--title", "T", "--data-dir", data_dir).exit_code == 0
    file = tmp_path / "export.ndjson"
    exported = invoke("index", "export", str(file), "--data-dir", data_dir)
    assert exported.exit_code == 0, exported.output
    first, last = file.read_text().splitlines()
    assert set(json.loads(first)) == {"item_id", "title", "category", "sha256", "image_base64"}
    assert json.loads(last)["photos"] == 1
    imported = invoke("index", "import", str(file), "--data-dir", f"{data_dir}-new")
    assert imported.exit_code == 0, imported.output
    assert "1 registered" in imported.output
    (tmp_path / "target").mkdir()
    with served_on_a_socket(settings_for(tmp_path / "target")) as target, httpx.Client(base_url=target) as client:
        headers = {"Content-Type": "application/x-ndjson"}
        job = client.post("/index/bulk", content=first.encode(), headers=headers).json()
        while (found := client.get(f"/jobs/{job['job_id']}").json())["status"] != "done":
            asyncio.run(asyncio.sleep(0.05))
        assert (found["created"], found["failed"]) == (1, 0)


@pytest.mark.parametrize("damage", ["cut off", "altered", "of something else", "more"])
def test_a_file_that_is_no_whole_export_is_refused(data_dir: str, tmp_path: Path, damage: str) -> None:
    """Before anything is registered."""
    (tmp_path / "SKU-1.png").write_bytes(photo(1))
    invoke("add", str(tmp_path / "SKU-1.png"), "--data-dir", data_dir)
    file = tmp_path / "export.ndjson"
    assert invoke("index", "export", str(file), "--data-dir", data_dir).exit_code == 0
    text = file.read_text()
    file.write_text(
        {
            "cut off": text.splitlines()[0] + "\n",
            "altered": text.replace("SKU-1", "SKU-2"),
            "of something else": '{"a": 1}\n',
            "more": text + text,
        }[damage]
    )
    refused = invoke("index", "import", str(file), "--data-dir", f"{data_dir}-new")
    assert isinstance(refused.exception, ExportUnusable), refused.output
    assert not Path(f"{data_dir}-new").exists()


def test_a_table_says_what_its_photos_are(data_dir: str, tmp_path: Path) -> None:
    """`selvedge add items.csv`: photos beside it or elsewhere; one that is missing is named, the rest are there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "shop").mkdir()
    (elsewhere / "a.png").write_bytes(photo(1))
    (tmp_path / "shop" / "b.png").write_bytes(photo(2))
    table = tmp_path / "shop" / "items.csv"
    table.write_text('file,item_id,title,metadata\n../elsewhere/a.png,SKU-1,A,"{""x"": 1}"\nb.png,,B,\ngone.png,,,\n')
    added = invoke("add", str(table), "--seller-id", "s1", "--data-dir", data_dir)
    assert added.exit_code == 1
    assert "2 registered, 0 known before, 1 refused" in added.output
    assert "gone.png: [Errno 2] No such file" in added.output.replace("\n", "")
    file = tmp_path / "export.ndjson"
    invoke("index", "export", str(file), "--data-dir", data_dir)
    first, second = (json.loads(line) for line in file.read_text().splitlines()[:2])
    assert (first["item_id"], first["title"], first["seller_id"], first["metadata"]) == ("SKU-1", "A", "s1", {"x": 1})
    assert (second["item_id"], second["title"]) == ("b", "B")


def test_a_zip_is_sent_as_it_is(data_dir: str, tmp_path: Path) -> None:
    """Options would contradict what is written in it; one that is no ZIP is refused in the service's words."""
    from tests.journeys.test_jobs import zip_of

    archive = tmp_path / "photos.zip"
    archive.write_bytes(zip_of({"SKU-1.png": photo(1), "notes.txt": "no photo"}))
    added = invoke("add", str(archive), "--data-dir", data_dir)
    assert added.exit_code == 1
    assert "1 registered, 0 known before, 1 refused" in added.output
    assert "notes.txt: " in added.output
    assert invoke("add", str(archive), "--title", "x", "--data-dir", data_dir).exception is not None
    archive.write_bytes(b"no ZIP")
    assert "damaged_archive" in str(invoke("add", str(archive), "--data-dir", data_dir).exception)
