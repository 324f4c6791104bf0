"""An export of a data dir is one tenant's, and says so where the record holds more than that."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.access.gate import ON_BEHALF_OF
from service.access.keys import Scope
from service.cli.commands import app
from service.cli.transfer import items_by_tenant
from service.settings import read_settings
from tests.journeys.conftest import settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_command_line import data_dir
from tests.photos import photo
from tests.serving import served_on_a_socket

__all__ = ["data_dir"]
runner = CliRunner()


def index(*arguments: str) -> Result:
    return runner.invoke(app, ["index", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def exported(data_dir: str, tmp_path: Path) -> Path:
    """An item of the operator's, exported, whose record holds it as two other tenants' as well."""
    (tmp_path / "SKU-1.png").write_bytes(photo(1))
    assert runner.invoke(app, ["add", str(tmp_path / "SKU-1.png"), "--data-dir", data_dir]).exit_code == 0
    file = tmp_path / "default.ndjson"
    alone = index("export", str(file), "--data-dir", data_dir)
    assert (alone.exit_code, alone.stderr) == (0, ""), alone.output
    for tenant in ("acme", "rival"):
        made = index("import", str(file), "--data-dir", data_dir, "--tenant", tenant)
        assert "1 registered, 0 known before, 0 refused" in made.output, made.output
    return file


def test_an_export_names_the_tenants_that_it_leaves_out(exported: Path, data_dir: str, tmp_path: Path) -> None:
    """On standard error, with how much is theirs; what is written is one tenant's."""
    assert items_by_tenant(read_settings({}, data_dir=Path(data_dir))) == {"acme": 1, "default": 1, "rival": 1}
    for tenant, others in (("default", "acme (1), rival (1)"), ("acme", "default (1), rival (1)")):
        file = tmp_path / "again.ndjson"
        said = index("export", str(file), "--data-dir", data_dir, "--tenant", tenant)
        assert (said.exit_code, "1 items, 1 photos" in said.stdout) == (0, True), said.output
        assert f"only items of tenant {tenant} were exported. The record also holds items of: {others}." in said.stderr
        assert len(file.read_text().splitlines()) == 2
    plain = index("export", str(tmp_path / "again.ndjson"), "--data-dir", data_dir)
    assert "also holds items of: acme (1), rival (1)" in plain.stderr


def test_a_tenant_arrives_as_itself_in_another_record(exported: Path, data_dir: str, tmp_path: Path) -> None:
    """What was the tenant's is the tenant's there, and nobody else's."""
    new = tmp_path / "new"
    new.mkdir()
    file = tmp_path / "acme.ndjson"
    assert index("export", str(file), "--data-dir", data_dir, "--tenant", "acme").exit_code == 0
    assert json.loads(file.read_text().splitlines()[0])["item_id"] == "SKU-1"
    arrived = index("import", str(file), "--data-dir", str(new), "--tenant", "acme")
    assert "1 of 1 photos of 1 items are there" in arrived.output, arrived.output
    assert items_by_tenant(read_settings({}, data_dir=new)) == {"acme": 1}


@pytest.mark.parametrize("wrong", [["--url", "http://127.0.0.1:9"], []])
def test_a_tenant_that_cannot_be_is_refused(tmp_path: Path, data_dir: str, wrong: list[str]) -> None:
    """With a service the key says whose the catalogue is; a name must be one that keys can have."""
    said = index("export", str(tmp_path / "x"), "--data-dir", data_dir, "--tenant", "acme" if wrong else "a/b", *wrong)
    assert (said.exit_code, (tmp_path / "x").exists()) == (2, False), said.output
    assert ("that of the key" if wrong else "letters, digits, dots") in said.stderr


def test_no_caller_of_a_service_becomes_another_tenant(tmp_path: Path) -> None:
    """The header that a command on the data dir names its tenant with says nothing there, with a key or without."""
    settings = settings_for(tmp_path)
    with served_on_a_socket(settings) as address, httpx.Client(base_url=address) as client:
        added = client.post("/index/add", files={"image": photo(1)}, data={"item_id": "SKU-1"})
        assert added.status_code == 201, added.text
        posing = {ON_BEHALF_OF: "acme"}
        assert client.get("/index/stats", headers=posing).json()["items"] == 1
        rival = make_key(settings, Scope.INDEX, tenant="rival") | {ON_BEHALF_OF: "default"}
        assert [client.get("/index/stats", headers=rival).json()["items"] for _ in range(2)] == [0, 0]
