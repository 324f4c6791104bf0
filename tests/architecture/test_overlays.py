"""The recipes that put the service on Milvus and on PostgreSQL, looked over as docker-compose.yml is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import yaml

from tests.architecture.test_containers import ROOT, SERVICES, instructions


def test_the_service_on_milvus_has_its_clients_and_waits_for_it() -> None:
    """What the extras name is what is locked for them."""
    overlay = yaml.safe_load((ROOT / "deploy" / "compose.milvus.yml").read_text())["services"]
    api = overlay["api"]
    assert overlay == {"api": api, "worker": api}
    assert api["environment"]["SELVEDGE_INDEX__MILVUS__URI"] == "http://milvus:19530"
    assert api["depends_on"] == {"milvus": {"condition": "service_healthy"}}
    assert all((ROOT / "requirements" / f"{extra}.txt").exists() for extra in api["build"]["args"]["EXTRAS"].split())
    assert [stage for stage, word, _ in instructions() if word == "ARG"] == ["build-cpu"]


def test_the_service_on_postgres_is_told_so_and_waits_for_it() -> None:
    """api and worker alike, each with its own command; the password comes from the secret and is in no URL."""
    overlay = yaml.safe_load((ROOT / "deploy" / "compose.postgres.yml").read_text())["services"]
    api, worker = overlay["api"], overlay["worker"]
    assert worker == {**api, "command": SERVICES["worker"]["command"]}
    (command,) = [json.loads(rest) for _, word, rest in instructions() if word == "CMD"]
    assert [part.replace("$$", "$") for part in api["command"]] == command
    postgres = SERVICES["postgres"]
    user, name = (postgres["environment"][f"POSTGRES_{what}"] for what in ("USER", "DB"))
    assert api["environment"]["SELVEDGE_DATABASE_URL"] == f"postgresql://{user}@postgres:5432/{name}"
    assert api["secrets"] == postgres["secrets"] == ["postgres_password"]
    assert postgres["environment"]["POSTGRES_PASSWORD_FILE"] in api["entrypoint"][2]
    assert api["environment"]["PGPASSFILE"].startswith(SERVICES["api"]["tmpfs"][0].split(":")[0])
    assert api["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_password_is_where_libpq_looks_for_it(tmp_path: Path) -> None:
    """The overlay's entrypoint, run: a file for its owner alone, and then the command, as it is."""
    overlay = yaml.safe_load((ROOT / "deploy" / "compose.postgres.yml").read_text())["services"]
    secret, passfile = tmp_path / "secret", tmp_path / "pgpass"
    secret.write_text("0123abcd\n")
    entrypoint = [part.replace("$$", "$") for part in overlay["api"]["entrypoint"]]
    entrypoint[2] = entrypoint[2].replace("/run/secrets/postgres_password", str(secret))
    environment = {**os.environ, "PGPASSFILE": str(passfile)}
    ran = subprocess.run([*entrypoint, "echo", "a  b"], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "a  b\n"
    assert passfile.read_text() == "*:*:*:*:0123abcd\n"
    assert passfile.stat().st_mode & 0o777 == 0o600
