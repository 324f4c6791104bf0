"""Folders that appear as a whole or not at all, also where two are written at once for longer than an hour."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from index.durable_files import SWEPT_AFTER_S, UNFINISHED, published

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys, time
from pathlib import Path
from index.durable_files import published
with published(Path(sys.argv[1])) as writing:
    (writing / "photos").mkdir()
    print("writes", flush=True)
    sys.stdin.readline()
    (writing / "photos" / "last").write_text("whole")
"""


def made_old(folder: Path) -> Path:
    """As if no name had come into it for more than an hour."""
    long_ago = time.time() - SWEPT_AFTER_S - 1
    os.utime(folder, (long_ago, long_ago))
    return folder


def writer(folder: Path) -> subprocess.Popen[str]:
    """A process that has begun to write there, and goes on when it is told to."""
    begun = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert begun.stdout is not None
    assert begun.stdout.readline() == "writes\n"
    return begun


def write(folder: Path) -> None:
    with published(folder) as writing:
        (writing / "all").write_text("whole")


def unfinished(parent: Path) -> list[Path]:
    return list(parent.glob(f"{UNFINISHED}*"))


def test_a_folder_that_another_process_still_writes_is_not_swept(tmp_path: Path) -> None:
    """A backup of many photos: for hours only folders further down change."""
    slow = writer(tmp_path / "slow")
    made_old(unfinished(tmp_path)[0])
    write(tmp_path / "quick")
    slow.communicate("go on\n", timeout=60)
    assert slow.returncode == 0
    assert (tmp_path / "slow" / "photos" / "last").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quick", "slow"]


def test_a_folder_that_this_process_still_writes_is_not_swept(tmp_path: Path) -> None:
    """Two backups of one process hold each other's folders no less."""
    with published(tmp_path / "slow") as writing:
        made_old(writing)
        write(tmp_path / "quick")
        (writing / "last").write_text("whole")
    assert (tmp_path / "slow" / "last").read_text() == "whole"


def test_what_a_killed_writer_left_is_swept_an_hour_later(tmp_path: Path) -> None:
    """Its lock ended with it; before the hour is over it stays."""
    slow = writer(tmp_path / "slow")
    slow.send_signal(signal.SIGKILL)
    slow.communicate(timeout=60)
    write(tmp_path / "first")
    made_old(unfinished(tmp_path)[0])
    write(tmp_path / "second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_published_folder_is_locked_no_longer_and_holds_nothing_else(tmp_path: Path) -> None:
    """The lock leaves no file in what is restored from."""
    write(tmp_path / "done")
    assert [path.name for path in (tmp_path / "done").iterdir()] == ["all"]
    descriptor = os.open(tmp_path / "done", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_where_there_are_no_locks_folders_are_written_and_none_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems: what is left there goes by hand."""
    left = tmp_path / f"{UNFINISHED}left"
    left.mkdir()
    made_old(left)

    def refused(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("index.durable_files.fcntl.flock", refused)
    write(tmp_path / "done")
    assert (left.exists(), (tmp_path / "done" / "all").read_text()) == (True, "whole")
