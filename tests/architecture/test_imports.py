"""Rooms keep their doors: engines behind one file each, torch behind the wall."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOORS = {
    "onnxruntime": {"models/runtime/session.py", "service/cli/doctor.py"},
    "faiss": {"index/segments.py", "service/cli/doctor.py"},
    "pymilvus": {"index/milvus_collections.py"},
    "grpc": {"index/milvus_collections.py"},
    "fsspec": {"index/photo_objects.py"},
}
SERVING = [
    path
    for room in ("models", "index", "service")
    for path in (ROOT / room).rglob("*.py")
    if "training" not in path.parts
]


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("engine", DOORS)
def test_each_engine_has_one_door(engine: str) -> None:
    """Changing an engine touches one file (doctor only looks whether it is there)."""
    users = {str(path.relative_to(ROOT)) for path in SERVING if engine in imported(path)}
    assert users <= DOORS[engine]
    assert users, f"nothing imports {engine}: the rule guards an empty room"


def test_serving_code_never_names_torch() -> None:
    """Not even inside a function."""
    assert [str(path) for path in SERVING if {"torch", "torchvision", "timm"} & set(imported(path))] == []


def test_only_the_cache_knows_redis() -> None:
    """Redis is a cache: its client stays in the files that speak to it."""
    users = {path.relative_to(ROOT).parts[0] for path in SERVING if "redis" in imported(path)}
    assert users <= {"service"}


def test_the_whole_service_is_imported_without_torch() -> None:
    """In a process of its own, since tests of training may have loaded torch here."""
    code = "import sys, service.app, service.bootstrap, service.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_whole_service_is_imported_without_the_engines_of_extras() -> None:
    """Milvus and object stores cost a start nothing where they are not asked for."""
    code = (
        "import sys, service.app, service.bootstrap, service.__main__; "
        "sys.exit(bool({'pymilvus', 'grpc', 'fsspec', 's3fs'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_file_is_a_giant() -> None:
    """250 lines a file: past that, look for the second thing hiding in it."""
    counted = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in SERVING}
    assert {name: lines for name, lines in counted.items() if lines > 260} == {}
