"""What is told of a line can be kept by every record, whatever the caller sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.jobs.line_work import Worked
from service.jobs.lines import Line
from service.jobs.outcomes import problem_of, result_of

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


def a_line(file: str | None = None, **fields: Any) -> Line:
    return Line(3, 100, file, fields)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_whatever_was_sent_is_told_as_text_that_can_be_kept(file: str, item_id: str, detail: str) -> None:
    """UTF-8 without NUL, of a refused line and of an answered one; everything else as it was sent."""
    line = a_line(file, item_id=item_id)
    problem = problem_of(line, "invalid_field", detail)
    refused, answered = (json.loads(result_of(line, outcome)) for outcome in (problem, Worked(answer={})))
    told = [problem.file, problem.item_id, problem.detail, refused["problem"]["detail"]]
    told += [result[name] for result in (refused, answered) for name in ("file", "item_id")]
    for text, sent in zip(told, [file, item_id, detail, detail, file, item_id, file, item_id], strict=True):
        assert "\0" not in text.encode().decode()
        assert len(text) == len(sent)
        assert all(kept == own for kept, own in zip(text, sent, strict=True) if own != "\0" and own.isprintable())


def test_a_half_character_and_nul_are_replaced() -> None:
    """Each by one sign, so that the rest is still readable."""
    problem = problem_of(a_line("\ud800.jpg", item_id="a\0b"), "invalid_field", "no \udfff")
    assert (problem.file, problem.item_id, problem.detail) == ("?.jpg", "a\ufffdb", "no ?")


def test_of_a_refused_line_little_is_kept() -> None:
    """In the errors and in the results: a line may have a megabyte of names."""
    line = a_line("f" * 100_000, item_id="i" * 100_000)
    problem = problem_of(line, "invalid_field", "d" * 100_000)
    assert (len(problem.file or ""), len(problem.item_id or ""), len(problem.detail)) == (1_000, 200, 2_000)
    assert len(result_of(line, problem)) < 4_000


def test_a_name_that_is_no_text_is_not_told() -> None:
    """Nor is one that is not there."""
    for line in (a_line(item_id=3), a_line()):
        problem = problem_of(line, "invalid_field", "item_id: is no text")
        assert (problem.file, problem.item_id) == (None, None)
        assert json.loads(result_of(line, Worked(answer={"verdict": "clear"}))) == {
            "line": 3,
            "file": None,
            "item_id": None,
            "check": {"verdict": "clear"},
        }
