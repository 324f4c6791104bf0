"""Logs that a machine can read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from asgi_correlation_id import correlation_id

from service.logs import configure_logs
from service.settings import LogSettings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_every_line_is_json_with_the_requests_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and the libraries' alike."""
    configure_logs(LogSettings())
    token = correlation_id.set("r-1")
    structlog.get_logger().info("checked", verdict="clear")
    logging.getLogger("some.library").warning("careful")
    correlation_id.reset(token)
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["verdict"], ours["request_id"], ours["level"]) == ("checked", "clear", "r-1", "info")
    assert (theirs["event"], theirs["request_id"], theirs["level"]) == ("careful", "r-1", "warning")


def test_an_exception_is_written_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """On one line."""
    configure_logs(LogSettings())
    try:
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_the_level_and_the_form_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """Twice configured is not twice written."""
    configure_logs(LogSettings())
    configure_logs(LogSettings(level="ERROR", as_json=False))
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").error("loud")
    (line,) = capsys.readouterr().err.splitlines()
    assert "loud" in line
    assert not line.startswith("{")
