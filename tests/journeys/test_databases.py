"""The record in the database that the settings name, keys and tenants included."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.access.keys import Scope
from tests.journeys.test_access import make_key, photos, served_with_keys
from tests.postgres import Cluster


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_service_starts_on_the_named_database_and_finds_everything_again(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """The second start finds items and keys; another tenant neither."""
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    with served_with_keys(tmp_path, database_url=url) as (client, settings):
        ours, theirs = make_key(settings, *Scope, tenant="acme"), make_key(settings, *Scope, tenant="rival")
        added = client.post("/index/add", files=photos("/"), data={"item_id": "SKU-1"}, headers=ours)
        assert added.status_code == 201
    with served_with_keys(tmp_path, database_url=url) as (client, _):
        verdicts = [
            client.post("/check-plagiarism", files=photos("/"), headers=headers).json()["verdict"]
            for headers in (ours, theirs)
        ]
        assert verdicts == ["image_copy", "clear"]
        assert client.get("/index/items/SKU-1", headers=theirs).status_code == 404
    # Where replicas share the record they share the keys; a file is the record's alone.
    assert (tmp_path / "keys.sqlite").exists() is (kind == "sqlite")
