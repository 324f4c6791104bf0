"""Every file of tests holds tests: one that lost its last one would go on passing in silence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def holds_tests(source: str) -> bool:
    """Whether pytest finds one at the top of this file.

    Read instead of collected: no import, so that those that need torch or Milvus are looked at where neither is.
    """
    return any(_is_test(node) for node in ast.parse(source).body)


def _is_test(node: ast.stmt) -> bool:
    """A function, a class with one, or a name that a state machine's TestCase is given."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name.startswith("test")
        case ast.ClassDef(name=name, body=body):
            return name.startswith("Test") and any(_is_test(inner) for inner in body)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(attr="TestCase")):
            return name.startswith("Test")
    return False


def test_every_file_of_tests_holds_one() -> None:
    """Those of training and of past one machine too."""
    files = sorted(TESTS.rglob("test_*.py"))
    assert len(files) > 100
    assert [str(path.relative_to(TESTS)) for path in files if not holds_tests(path.read_text())] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def test_a(): pass", True),
        ("async def test_a(): pass", True),
        ("class TestA:\n    def test_a(self): pass", True),
        ("class Machine(RuleBasedStateMachine): pass\nTestMachine = Machine.TestCase", True),
        ("class Machine(RuleBasedStateMachine):\n    def test_a(self): pass", False),
        ("class TestA:\n    def check(self): pass", False),
        ("def helper():\n    def test_a(): pass", False),
        ("", False),
    ],
)
def test_the_reader_of_files_would_notice(source: str, expected: bool) -> None:
    """The test above can fail."""
    assert holds_tests(source) is expected
