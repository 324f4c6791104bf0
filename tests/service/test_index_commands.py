"""`selvedge index`: what an operator types, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index.catalogue import Catalogue
from index.photos import PhotoFiles
from index.snapshot import Snapshots
from service.access.keys import Scope, mint
from service.access.keys_store import open_key_store
from service.cli.commands import app
from service.cli.data_dir import DataDirInUse, hold_data_dir
from service.cli.opening import installed_models
from service.settings import read_settings
from tests.factories import make_new_photo, make_photo_bytes

ITEMS = 12


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of the shipped models' version with a few items, one of them deleted."""
    folder = tmp_path_factory.mktemp("filled")
    version = installed_models(read_settings({}))
    catalogue = Catalogue(f"sqlite:///{folder}/catalogue.sqlite")
    photos = PhotoFiles(folder / "photos")
    for seed in range(ITEMS):
        photo = make_new_photo(seed, models_version=version)
        with photos.stored(photo.sha256, make_photo_bytes(seed)):
            catalogue.add(photo)
    catalogue.delete("SKU-3")
    catalogue.close()
    return folder


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "var")
    return tmp_path / "var"


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "200")
    yield


def run(*words: object, data_dir: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["index", *map(str, words), "--data-dir", str(data_dir)], catch_exceptions=False)
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ["snapshot", "restore", "verify", "stats", "compact", "reembed"])
def test_every_command_has_an_example(command: str, wide: None) -> None:
    """In its help."""
    result = CliRunner().invoke(app, ["index", command, "--help"])
    assert result.exit_code == 0
    assert f"Example: selvedge index {command}" in result.output


@pytest.mark.usefixtures("wide")
def test_snapshot_verify_stats_and_compact(data_dir: Path) -> None:
    """One after the other, as on a quiet evening."""
    assert run("snapshot", data_dir=data_dir)[0] == 0
    snapshots = Snapshots(data_dir / "snapshots")
    assert len(snapshots.paths()) == 1
    code, said = run("stats", data_dir=data_dir)
    assert (code, snapshots.paths()[0].name in said, f"{ITEMS - 1}" in said) == (0, True, True)
    code, said = run("verify", data_dir=data_dir)
    assert (code, "differs" in said) == (0, False)
    run("snapshot", data_dir=data_dir)
    code, said = run("compact", data_dir=data_dir)
    assert (code, "tombstones dropped" in said, len(snapshots.paths())) == (0, True, 1)


@pytest.mark.usefixtures("wide")
def test_verify_tells_what_differs(data_dir: Path) -> None:
    """By exit code 1 and in words."""
    run("snapshot", data_dir=data_dir)
    vectors = next((data_dir / "snapshots").glob("*/*.faiss"))
    data = bytearray(vectors.read_bytes())
    data[-100] ^= 8
    vectors.write_bytes(data)
    code, said = run("verify", data_dir=data_dir)
    assert (code, "damaged" in said) == (1, True)


@pytest.mark.usefixtures("wide")
def test_a_backup_is_restored_and_compared(data_dir: Path, tmp_path: Path) -> None:
    """Into an empty data dir, and never over one that is in use."""
    code, said = run("snapshot", "--output", tmp_path / "backup", data_dir=data_dir)
    assert (code, f"{ITEMS - 1} items" in said) == (0, True)
    code, said = run("restore", tmp_path / "backup", data_dir=tmp_path / "new")
    assert (code, "differs" in said, said.count("ok")) == (0, False, 8)
    assert (tmp_path / "new" / "catalogue.sqlite").is_file()
    with hold_data_dir(tmp_path / "third"), pytest.raises(DataDirInUse):
        run("restore", tmp_path / "backup", data_dir=tmp_path / "third")


def test_the_keys_of_a_backup_open_what_was_restored(data_dir: Path, tmp_path: Path, wide: None) -> None:
    """The old key is known there, one made after the backup is not; a backup without keys says so."""
    run("snapshot", "--output", tmp_path / "keyless", data_dir=data_dir)
    code, said = run("restore", tmp_path / "keyless", data_dir=tmp_path / "open")
    assert (code, "without API keys" in said) == (0, True)

    ours, later = (mint(name, "acme", frozenset({Scope.CHECK})) for name in ("ours", "later"))
    store = open_key_store(read_settings({}, data_dir=data_dir))
    store.add(ours.key)
    run("snapshot", "--output", tmp_path / "backup", data_dir=data_dir)
    store.add(later.key)
    store.close()
    assert ours.token.encode() not in (tmp_path / "backup" / "keys.sqlite").read_bytes()
    code, said = run("restore", tmp_path / "backup", data_dir=tmp_path / "new")
    assert (code, "with the API keys of then" in said) == (0, True)
    restored = open_key_store(read_settings({}, data_dir=tmp_path / "new"))
    found = restored.find(ours.key.key_id)
    assert found is not None
    assert found.matches(ours.token)
    assert not found.matches(later.token)
    assert restored.find(later.key.key_id) is None
    assert not restored.empty()
    restored.close()
