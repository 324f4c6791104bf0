"""What a line came to, in words that every record can keep."""

from __future__ import annotations

import json

from index.job_types import LineProblem
from service.jobs.line_work import Worked
from service.jobs.lines import Line

_LONGEST_ITEM_ID = 200
_LONGEST_FILE = 1_000
_LONGEST_DETAIL = 2_000


def problem_of(line: Line, code: str, detail: str) -> LineProblem:
    """Why a line was refused. What is told of it is what the caller sent, so nothing says that it can be kept."""
    item_id = line.fields.get("item_id")
    return LineProblem(
        line.number,
        None if line.file is None else _storable(line.file[:_LONGEST_FILE]),
        _storable(item_id[:_LONGEST_ITEM_ID]) if isinstance(item_id, str) else None,
        code,
        _storable(detail[:_LONGEST_DETAIL]),
    )


def result_of(line: Line, outcome: Worked | LineProblem) -> bytes:
    """A line of the results; it names the line of the upload that it answers."""
    if isinstance(outcome, LineProblem):
        named = {"line": line.number, "file": outcome.file, "item_id": outcome.item_id}
        return json.dumps(named | {"problem": {"code": outcome.code, "detail": outcome.detail}}).encode()
    file, item_id = line.file, line.fields.get("item_id")
    named = {
        "line": line.number,
        "file": None if file is None else _storable(file),
        "item_id": _storable(item_id) if isinstance(item_id, str) else None,
    }
    return json.dumps(named | {"check": outcome.answer}).encode()


def _storable(text: str) -> str:
    """Without what no database keeps as text: halves of characters (lone surrogates), and NUL, which is U+FFFD then."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
