"""From a folder of drawn photos to a verdict, by the command line alone, on one data dir."""

from __future__ import annotations

import functools
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from models.taxonomy import RegionName
from models.weighting import read_weight_table
from service.app import create_app
from service.bootstrap import assemble
from service.cli.commands import app
from service.cli.connection import Refused
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import WARDROBE
from service.settings import Settings
from tests.fakes import FakeDescriber
from tests.policies import make_policy

runner = CliRunner()


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The whole application in this process, its networks replaced by the fake describer."""
    make = functools.partial(create_app, assemble=functools.partial(assemble, make_describer=lambda _: FakeDescriber()))
    monkeypatch.setattr("service.cli.connection._make_app", make)
    policy = tmp_path / "policy.json"
    policy.write_text(make_policy().model_dump_json())
    monkeypatch.setenv("SELVEDGE_POLICY_FILE", str(policy))
    monkeypatch.setenv("SELVEDGE_REDIS_URL", "off")
    return str(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, design in enumerate(WARDROBE[:3]):
        (photos / f"{design.name}.jpg").write_bytes(render(design, Scene.drawn(number, 240, 300)).jpeg())
    return photos


def test_weights_are_set_listed_gone_back_from_and_learnt(data_dir: str, folder: Path, tmp_path: Path) -> None:
    """What a run changes the next finds; what is refused is told in the service's words."""
    weights = json.dumps(dict.fromkeys(RegionName, 1))
    made = runner.invoke(app, ["weights", "set", "dress", weights, "--reason", "equal", "--data-dir", data_dir])
    assert made.exit_code == 0, made.output
    assert "collar 0.200" in made.output
    shipped = read_weight_table(Settings().weights_dir / "region_weights.json").version
    back = runner.invoke(app, ["weights", "rollback", "dress", shipped, "--data-dir", data_dir])
    assert back.exit_code == 0, back.output
    listed = runner.invoke(app, ["weights", "list", "dress", "--data-dir", data_dir]).output
    assert [word for word in listed.split() if word in ("shipped", "put", "rollback")] == ["rollback", "put", "shipped"]
    wrong = runner.invoke(app, ["weights", "set", "dress", '{"collar": 1}', "--data-dir", data_dir])
    assert isinstance(wrong.exception, Refused)
    assert "all five regions" in str(wrong.exception)
    runner.invoke(app, ["add", str(folder), "--data-dir", data_dir])
    decisions = tmp_path / "decisions.json"
    decisions.write_text(json.dumps({"pairs": [{"item_a": "cat-tee", "item_b": "summit-tee", "verdict": "clear"}]}))
    learnt = runner.invoke(app, ["weights", "learn", str(decisions), "--data-dir", data_dir])
    assert learnt.exit_code == 0, learnt.output
    assert f"t_shirt: {shipped} kept: more pairs are needed" in learnt.output
    assert "1 look-alikes" in learnt.output


@pytest.mark.parametrize("command", ["list", "set", "rollback", "learn"])
def test_each_command_of_weights_shows_an_example(command: str) -> None:
    """Something to copy."""
    result = runner.invoke(app, ["weights", command, "--help"])
    assert result.exit_code == 0
    assert f"selvedge weights {command}" in result.output


def test_what_one_run_adds_the_next_finds(data_dir: str, folder: Path) -> None:
    """Each command is a process of its own in life: the record carries over."""
    added = runner.invoke(app, ["add", str(folder), "--data-dir", data_dir])
    assert added.exit_code == 0, added.output
    assert "3 registered" in added.output
    again = runner.invoke(app, ["add", str(folder), "--data-dir", data_dir])
    assert "0 registered, 3 known before" in again.output
    photo = folder / "cat-tee.jpg"
    checked = runner.invoke(app, ["check", str(photo), "--data-dir", data_dir], env={"COLUMNS": "200"})
    assert checked.exit_code == 0, checked.output
    assert "IMAGE COPY" in checked.output
    assert "cat-tee (same photo)" in checked.output
    with Image.open(folder / "cat-tee.jpg.overlay.png") as overlay:
        assert overlay.size == (240, 300)


def test_the_json_of_a_check_is_the_service_s_answer(data_dir: str, folder: Path) -> None:
    """Ready for jq."""
    runner.invoke(app, ["add", str(folder / "cat-tee.jpg"), "--item-id", "CAT", "--data-dir", data_dir])
    result = runner.invoke(app, ["check", str(folder / "cat-tee.jpg"), "--json", "--data-dir", data_dir])
    answer = json.loads(result.output)
    assert answer["verdict"] == "image_copy"
    assert answer["garments"][0]["matches"][0]["item_id"] == "CAT"
    assert set(answer["garments"][0]["matches"][0]["regions"]) == {
        "collar", "chest", "waist", "left_sleeve", "right_sleeve",
    }  # fmt: skip


def test_a_file_that_is_no_photo_is_listed_at_the_end(data_dir: str, folder: Path) -> None:
    """The others are registered all the same."""
    (folder / "torn.jpg").write_bytes((folder / "cat-tee.jpg").read_bytes()[:900])
    result = runner.invoke(app, ["add", str(folder), "--data-dir", data_dir])
    assert result.exit_code == 1
    assert "3 registered, 0 known before, 1 refused" in result.output
    assert "torn.jpg" in result.output


def test_serve_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """A process of its own: it says what it lacks, keeps commands off its data dir, and ends on SIGTERM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"never looked at")
    # Without networks: the page and /livez answer all the same, /readyz names what is missing.
    options = ["--port", str(port), "--data-dir", str(tmp_path / "data"), "--weights-dir", str(tmp_path)]
    serve = [sys.executable, "-m", "service", "serve", *options]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(f"{address}/livez")
            assert "Drop a photo" in httpx.get(address).text
            assert ".json" in httpx.get(f"{address}/readyz").json()["reason"]
            add = [sys.executable, "-m", "service", "add", str(photo), "--data-dir", str(tmp_path / "data")]
            second = subprocess.run(add, capture_output=True, text=True, timeout=60, check=False)
            assert second.returncode == 2
            assert f"--url {address}" in second.stderr.replace("\n", "")
        finally:
            server.terminate()
        assert server.wait(timeout=30) in (0, -signal.SIGTERM)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"{address} does not answer"
        time.sleep(0.1)
