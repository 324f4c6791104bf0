"""The command line, against a service in this process and against one over HTTP."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from typer.testing import CliRunner

from service.cli.commands import app, run
from service.cli.connection import Refused, Unreachable
from service.cli.data_dir import DataDirInUse, hold_data_dir
from service.cli.uploads import NothingToAdd, photos_at
from service.demo.wardrobe import WARDROBE
from service.problems import problem
from service.settings import Settings, settings_table

PNG = b"\x89PNG\r\n\x1a\n not really"
COMMANDS = ("serve", "work", "add", "check", "doctor", "demo", "settings")
runner = CliRunner()


def _answer(overlay: bool) -> dict[str, object]:
    regions = {
        "collar": {"cosine": 0.41, "weight": 0.2, "agrees": False},
        "chest": {"cosine": 0.95, "weight": 0.2, "agrees": True},
        "waist": {"cosine": 0.9, "weight": 0.2, "agrees": True},
        "left_sleeve": {"cosine": None, "weight": 0.2, "agrees": None, "reason": "occluded"},
        "right_sleeve": {"cosine": None, "weight": 0.2, "agrees": False, "reason": "absent"},
    }
    match = {
        "item_id": "SKU-1", "score": 0.87, "probability": 0.93, "verdict": "partial_copy", "mirrored": True,
        "same_photo": False, "regions": regions, "modified_regions": ["collar", "right_sleeve"],
    }  # fmt: skip
    return {
        "check_id": "chk_1",
        "verdict": "partial_copy",
        "garments": [{"category": "short_sleeve_top", "confidence": 0.98, "warnings": [], "matches": [match]}],
        "warnings": [{"code": "small_crop", "message": "the garment is small"}],
        "versions": {"models": "m1", "index": 3},
        "timings_ms": {"total": 120.0},
        "cached": False,
        "overlay": "data:image/png;base64," + base64.b64encode(PNG).decode() if overlay else None,
    }


def _service(seen: list[dict[str, str]]) -> FastAPI:
    """Answers as the contract says; refuses files that say `broken`."""
    service = FastAPI()

    @service.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @service.post("/index/add")
    async def add(
        image: Annotated[UploadFile, File()],
        item_id: Annotated[str, Form()],
        seller_id: Annotated[str | None, Form()] = None,
    ) -> Response:
        if b"broken" in await image.read():
            return problem(422, "undecodable_image", "the image is damaged")
        known = any(item["item_id"] == item_id for item in seen)
        seen.append({"item_id": item_id, "seller_id": seller_id or ""})
        return JSONResponse({"item_id": item_id}, 200 if known else 201)

    jobs: dict[str, dict[str, Any]] = {}

    @service.post("/index/bulk")
    async def bulk(request: Request) -> Response:
        with zipfile.ZipFile(io.BytesIO(await request.body())) as archive:
            items = [json.loads(line) for line in archive.read("items.ndjson").splitlines()]
            broken = [item for item in items if b"broken" in archive.read(item["file"])]
        wanted = [item for item in items if item not in broken]
        known = {item["item_id"] for item in seen}
        seen.extend({"item_id": item["item_id"], "seller_id": item.get("seller_id", "")} for item in wanted)
        errors = [
            {"file": item["file"], "code": "undecodable_image", "detail": "the image is damaged"} for item in broken
        ]
        created = sum(item["item_id"] not in known for item in wanted)
        counts = {"total": len(items), "done": len(items), "failed": len(errors), "created": created}
        jobs["job_1"] = {"job_id": "job_1", "status": "done", "errors": errors, "next_cursor": None} | counts
        return JSONResponse(jobs["job_1"] | {"status": "queued"}, 202)

    @service.get("/jobs/job_1")
    async def job() -> dict[str, Any]:
        return jobs["job_1"]

    @service.post("/check-plagiarism")
    async def check(
        image: Annotated[UploadFile, File()],
        include: Annotated[str, Form()],
        weights: Annotated[str | None, Form()] = None,
    ) -> Response:
        if b"broken" in await image.read():
            return problem(415, "unsupported_format", "the bytes are no image")
        seen.append({"weights": weights or ""})
        return JSONResponse(_answer("overlay" in include))

    return service


@pytest.fixture
def seen() -> list[dict[str, str]]:
    """What the service was asked."""
    return []


@pytest.fixture
def url(seen: list[dict[str, str]]) -> Iterator[str]:
    """A service over real HTTP."""
    server = uvicorn.Server(uvicorn.Config(_service(seen), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, seen: list[dict[str, str]], tmp_path: Path) -> Path:
    """Commands without --url open this data dir with the same service."""
    monkeypatch.setattr("service.cli.connection._make_app", lambda _settings: _service(seen))
    return tmp_path / "data"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos, one of them in a subfolder, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / "SKU-1.jpg").write_bytes(b"one")
    (folder / "more" / "SKU-2.PNG").write_bytes(b"two")
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    """`--help` ends with something to copy."""
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: selvedge {command}" in result.output


def test_the_version_is_that_of_the_project() -> None:
    """`selvedge --version`."""
    assert runner.invoke(app, ["--version"]).output.startswith("selvedge 0.")


def test_help_loads_neither_torch_nor_an_engine() -> None:
    """Help is quick, and serving never needs torch."""
    program = (
        "import sys; from typer.testing import CliRunner; from service.cli.commands import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in ('torch', 'onnxruntime', 'faiss') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_is_added_under_the_names_of_its_files(url: str, seen: list[dict[str, str]], photos: Path) -> None:
    """Stems are item ids; subfolders count, other files do not."""
    result = runner.invoke(app, ["add", str(photos), "--url", url, "--seller-id", "s1"])
    assert result.exit_code == 0, result.output
    assert "2 registered, 0 known before, 0 refused" in result.output
    assert seen == [{"item_id": "SKU-1", "seller_id": "s1"}, {"item_id": "SKU-2", "seller_id": "s1"}]


def test_adding_in_process_takes_the_same_road(in_process: Path, seen: list[dict[str, str]], photos: Path) -> None:
    """Without --url the application runs here, on the data dir."""
    result = runner.invoke(app, ["add", str(photos / "SKU-1.jpg"), "--item-id", "X", "--data-dir", str(in_process)])
    assert result.exit_code == 0, result.output
    assert seen == [{"item_id": "X", "seller_id": ""}]
    again = runner.invoke(app, ["add", str(photos / "SKU-1.jpg"), "--item-id", "X", "--data-dir", str(in_process)])
    assert "0 registered, 1 known before" in again.output


def test_a_refused_photo_is_named_and_the_rest_are_added(url: str, photos: Path) -> None:
    """Exit code 1, the reason in the service's words."""
    (photos / "SKU-0.jpg").write_bytes(b"broken")
    result = runner.invoke(app, ["add", str(photos), "--url", url])
    assert result.exit_code == 1
    assert "2 registered, 0 known before, 1 refused" in result.output
    assert "SKU-0.jpg: the image is damaged (undecodable_image)" in " ".join(result.output.split())


def test_a_data_dir_in_use_is_refused(in_process: Path, photos: Path) -> None:
    """Two processes never fill one data dir."""
    with hold_data_dir(in_process, "http://127.0.0.1:8123"):
        result = runner.invoke(app, ["add", str(photos), "--data-dir", str(in_process)])
    assert isinstance(result.exception, DataDirInUse)
    assert "--url http://127.0.0.1:8123" in str(result.exception)


def test_the_lock_of_a_data_dir_ends_with_its_holder(tmp_path: Path) -> None:
    """Held once, free afterwards."""
    with hold_data_dir(tmp_path):
        pass
    with hold_data_dir(tmp_path):
        pass


def test_services_share_a_data_dir_and_commands_do_not(tmp_path: Path) -> None:
    """Services follow one record; a command that is told of one of them talks to it."""
    first, second, third = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))
    told = pytest.raises(DataDirInUse, match=f"--url {second}")
    with hold_data_dir(tmp_path, first), hold_data_dir(tmp_path, second), told, hold_data_dir(tmp_path):
        pytest.fail("the block must not run")
    told = pytest.raises(DataDirInUse, match="wait until")
    with hold_data_dir(tmp_path), told, hold_data_dir(tmp_path, third):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_nothing_to_add_is_said(tmp_path: Path, make: str) -> None:
    """A path that does not exist, or a folder without photos."""
    path = tmp_path / make
    if make == "empty":
        path.mkdir()
    with pytest.raises(NothingToAdd):
        photos_at(path, None)


def test_an_item_id_does_not_go_with_a_folder(photos: Path) -> None:
    """It would put every photo under one item."""
    with pytest.raises(NothingToAdd, match="folder"):
        photos_at(photos, "SKU")


def test_a_check_prints_matches_by_regions_and_saves_the_overlay(url: str, photos: Path) -> None:
    """A sign for each region: agrees, altered, missing."""
    photo = photos / "SKU-1.jpg"
    result = runner.invoke(app, ["check", str(photo), "--url", url], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if "SKU-1 (mirrored)" in line)
    assert row.split()[2:] == [
        "partial",
        "copy",
        "93%",
        "0.870",
        "0.41",
        "✗",
        "0.95",
        "✓",
        "0.90",
        "✓",
        "–",
        "absent",
        "✗",
    ]
    assert "! the garment is small" in result.output
    assert (photos / "SKU-1.jpg.overlay.png").read_bytes() == PNG


def test_a_check_as_json_prints_nothing_else(in_process: Path, photos: Path, seen: list[dict[str, str]]) -> None:
    """For scripts; the overlay only where asked for."""
    photo, overlay = photos / "SKU-1.jpg", photos / "drawn.png"
    arguments = ["check", str(photo), "--json", "--data-dir", str(in_process), "--weights", '{"collar": 1}']
    result = runner.invoke(app, arguments)
    assert json.loads(result.output)["check_id"] == "chk_1"
    assert not (photos / "SKU-1.jpg.overlay.png").exists()
    assert seen == [{"weights": '{"collar": 1}'}]
    runner.invoke(app, [*arguments, "--overlay", str(overlay)])
    assert overlay.read_bytes() == PNG


def test_a_refused_check_is_one_line_and_exit_code_2(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for a caller's mistake."""
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    with pytest.raises(SystemExit) as ended:
        run(["check", str(tmp_path / "broken.jpg"), "--url", url])
    assert ended.value.code == 2
    assert isinstance(ended.value.__cause__, Refused)
    assert "the bytes are no image (415 unsupported_format)" in capsys.readouterr().err.replace("\n", " ")


def test_a_service_that_is_not_there_is_said_to_be(photos: Path) -> None:
    """Port 9 answers nobody."""
    result = runner.invoke(app, ["check", str(photos / "SKU-1.jpg"), "--url", "http://127.0.0.1:9"])
    assert isinstance(result.exception, Unreachable)


def test_a_service_that_cannot_start_is_not_waited_for(tmp_path: Path, photos: Path) -> None:
    """A missing model is named at once."""
    arguments = ["check", str(photos / "SKU-1.jpg"), "--data-dir", str(tmp_path / "data")]
    begun = time.monotonic()
    result = runner.invoke(app, arguments, env={"SELVEDGE_WEIGHTS_DIR": str(tmp_path), "SELVEDGE_REDIS_URL": "off"})
    assert isinstance(result.exception, Unreachable)
    assert "detector.json" in str(result.exception) or "region_weights.json" in str(result.exception)
    assert time.monotonic() - begun < 30


def test_demo_writes_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catalogue and copies, ready for `add` and `check`."""
    monkeypatch.setattr("service.demo.catalogue.WARDROBE", WARDROBE[:1])
    monkeypatch.setattr("service.demo.catalogue.demo_copies", tuple)
    result = runner.invoke(app, ["demo", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "catalogue" / "demo-sunset-tee.jpg").stat().st_size > 10_000


def test_settings_lists_every_variable() -> None:
    """The same table as in the documentation."""
    output = runner.invoke(app, ["settings"], env={"COLUMNS": "250"}).output
    for variable, _, _ in settings_table():
        assert variable in output


def test_serve_passes_its_options_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Options win; sections are reached with --set."""
    served: list[Settings] = []
    monkeypatch.setitem(sys.modules, "service.cli.serving", type("Serving", (), {"serve_forever": served.append}))
    arguments = ["serve", "--port", "8123", "--data-dir", str(tmp_path), "--demo", "--set", "images.max_bytes=1234"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert (settings.port, settings.data_dir, settings.demo) == (8123, tmp_path, True)
    assert settings.images.max_bytes == 1234
    assert settings.images.max_side == 12_000


def test_work_works_on_jobs_whatever_the_service_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The api's variable reaches both where they share an environment; the command says what it is for."""
    worked: list[Settings] = []
    monkeypatch.setitem(sys.modules, "service.cli.serving", type("Serving", (), {"work_forever": worked.append}))
    yielded: list[int] = []
    monkeypatch.setattr("service.cli.working.yield_to_checks", lambda: yielded.append(len(worked)))
    arguments = ["work", "--port", "8001", "--data-dir", str(tmp_path), "--set", "jobs.lease_s=7"]
    result = runner.invoke(app, arguments, env={"SELVEDGE_JOBS__WORK": "false", "SELVEDGE_DEMO": "1"})
    assert result.exit_code == 0, result.output
    (settings,) = worked
    assert (settings.port, settings.data_dir, settings.demo) == (8001, tmp_path, False)
    assert (settings.jobs.work, settings.jobs.lease_s) == (True, 7)
    assert yielded == [0], "once, before it begins"


def test_a_setting_without_value_is_refused() -> None:
    """`--set` needs section.name=value."""
    assert runner.invoke(app, ["serve", "--set", "images.max_bytes"]).exit_code == 2
