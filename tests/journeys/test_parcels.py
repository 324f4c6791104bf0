"""More than one upload holds goes as several jobs, one after the other: killed between them, the command goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index.catalogue import Catalogue
from service.cli.commands import app
from tests.journeys.test_command_line import data_dir
from tests.journeys.test_jobs_survive import ADD_WITH_FAKE_MODELS
from tests.journeys.test_kill_nine import ROOT
from tests.photos import photo

__all__ = ["data_dir"]
PHOTOS, PARCEL = 7, 3
DYING_BETWEEN_TWO = f"""
import os, signal
from service.cli import adding, transfer, uploads
uploads._PHOTOS_AT_ONCE = transfer._LINES_AT_ONCE = {PARCEL}
run_job, sent = adding.run_job, []
async def first_only(*arguments):
    if sent:
        os.kill(os.getpid(), signal.SIGKILL)
    sent.append(arguments)
    return await run_job(*arguments)
adding.run_job = transfer.run_job = first_only
"""


def killed_between_two(*words: str) -> None:
    """`selvedge WORDS` in a process of its own, killed once the first of its uploads is worked off."""
    command = [sys.executable, "-c", DYING_BETWEEN_TWO + ADD_WITH_FAKE_MODELS, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def run(*words: str) -> str:
    """What it prints."""
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def held(folder: str) -> tuple[dict[str, int], int]:
    """How many photos each item has, and how many changes there were."""
    catalogue = Catalogue(f"sqlite:///{folder}/catalogue.sqlite")
    try:
        return {item.item_id: len(item.photos) for item in catalogue.list().items}, catalogue.last_sequence()
    finally:
        catalogue.close()


def test_what_was_killed_between_two_uploads_is_whole_once_it_is_run_again(
    data_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`selvedge add` of a folder, then `import` of its export: what was sent stays, the next run sends the rest."""
    monkeypatch.setattr("service.cli.uploads._PHOTOS_AT_ONCE", PARCEL)
    monkeypatch.setattr("service.cli.transfer._LINES_AT_ONCE", PARCEL)
    photos, file = tmp_path / "photos", str(tmp_path / "export.ndjson")
    photos.mkdir()
    for n in range(PHOTOS):
        (photos / f"SKU-{n}.png").write_bytes(photo(n))
    all_of_them = {f"SKU-{n}": 1 for n in range(PHOTOS)}, PHOTOS
    for folder, words in ((data_dir, ("add", str(photos))), (f"{data_dir}-new", ("index", "import", file))):
        command = (*words, "--data-dir", folder)
        killed_between_two(*command)
        assert held(folder)[1] == PARCEL
        again = run(*command)
        assert f"{PHOTOS - PARCEL} registered, {PARCEL} known before, 0 refused" in again
        assert held(folder) == all_of_them
        run("index", "export", file, "--data-dir", folder)
    assert f"{PHOTOS} of {PHOTOS} photos of {PHOTOS} items are there" in again
