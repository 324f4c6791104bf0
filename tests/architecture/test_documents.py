"""Documents that must stay true."""

import re
import tomllib
from pathlib import Path

import yaml

from models.taxonomy import REGIONS
from models.training.data.region_edits import every_edit_for
from tests.benchmarks.edit_sheets import SHEETS
from tests.benchmarks.scaling_costs import BOTH, MILVUS, OWN, table

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_named_in_the_documents_is_there() -> None:
    """A renamed file takes its mentions along."""
    missing = []
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for name in re.findall(
            r"`((?:models|index|service|deploy|tests|docs)/[\w./-]+)`", (ROOT / document).read_text()
        ):
            if not (ROOT / name).exists():
                missing += [f"{document}: {name}"]
    assert missing == []


def test_every_edit_of_the_data_engine_is_shown() -> None:
    """A sheet each, drawn by the command, named in the page, and all of them light enough for a repository."""
    names = {name for region in REGIONS for name in every_edit_for(region)}
    assert names <= {sheet.edit for sheet in SHEETS}
    folder, page = ROOT / "docs" / "images" / "edits", (ROOT / "docs" / "data-engine.md").read_text()
    drawn = {path.stem for path in folder.glob("*.png")}
    assert drawn == {sheet.edit for sheet in SHEETS} | {"photo", "attacks"}
    assert all(f"images/edits/{name}.png" in page for name in drawn)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2_500_000


def test_compose_and_dockerfile_speak_of_the_same_port_and_settings() -> None:
    """The compose file starts what the Dockerfile builds."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert compose["services"]["api"]["build"] == "."
    assert compose["services"]["api"]["environment"]["SELVEDGE_REDIS_URL"].startswith("redis://redis:")
    assert "SELVEDGE_PORT=8000" in dockerfile
    assert any(port.endswith(":8000") for port in compose["services"]["api"]["ports"])


def test_no_requirement_file_names_an_address() -> None:
    """Hashes pin packages; where they come from is the machine's business."""
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert re.search(r"(https?|file)://|--(extra-)?index-url|--find-links", text) is None, path.name


def test_the_extras_of_engines_exclude_each_other() -> None:
    """The same modules from two packages: what is locked for one names nothing of the other."""
    engines = {"cpu": ("onnxruntime", "faiss-cpu"), "gpu": ("onnxruntime-gpu", "faiss-gpu-cu12")}
    locked = {
        lock: set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE))
        for lock in ("serving", "gpu")
    }
    assert set(engines["cpu"]) <= locked["serving"]
    assert set(engines["gpu"]) <= locked["gpu"]
    assert not locked["serving"] & set(engines["gpu"])
    assert not locked["gpu"] & set(engines["cpu"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["conflicts"] == [[{"extra": "cpu"}, {"extra": "gpu"}]]
    for extra in engines:
        declared = project["tool"]["setuptools"]["dynamic"]["optional-dependencies"][extra]["file"]
        assert declared in ([f"requirements/{extra}.in"], f"requirements/{extra}.in")


def test_the_costs_in_the_guide_are_those_that_are_computed() -> None:
    """A figure measured anew changes both."""
    guide = (ROOT / "docs" / "scaling.md").read_text()
    for title, costs in (("In each service", OWN), ("In Milvus", MILVUS), ("Beside either", BOTH)):
        assert table(title, costs) in guide, "run python -m tests.benchmarks.scaling_costs"


def test_the_extras_are_locked_in_one_resolution() -> None:
    """So that both can be installed together, beside what serves."""
    pinned = {
        name: dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))
        for name in ("serving", "milvus", "s3", "scale")
    }
    for extra in ("milvus", "s3", "scale"):
        for package, version in pinned[extra].items():
            assert pinned["serving"].get(package, version) == version, package
            assert pinned["scale"][package] == version, package
    assert not {"pymilvus", "milvus-lite", "s3fs"} & set(pinned["serving"])
