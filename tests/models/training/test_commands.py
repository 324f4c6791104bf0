"""The commands say what a user did wrong in a line, before anything long."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.training.__main__ import app


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["ablation", "full", "--epochs", "3"], "among what the benchmark compares"),
        (["ablation", "full", "--every-edit"], "among what the benchmark compares"),
        (["embedder", "--epochs", "0"], "--epochs"),
        (["embedder", "--frozen-stages", "18"], "--frozen-stages"),
        (["trade", "--networks", "embeder"], "embeder"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(asked: list[str], told: str) -> None:
    """Before photos are looked at, let alone a network overwritten."""
    answer = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    assert answer.exit_code == 2
    assert told in answer.output


def test_what_is_missing_is_told_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models.training", "curves", str(tmp_path), "--base", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "embedder.json" in answer.stderr
