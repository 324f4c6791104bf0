"""Settings fail loudly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from index.segments import QuantisedRows
from index.shards import Shards
from service.bootstrap_index import open_registry
from service.errors import SettingsError
from service.settings import read_settings, settings_table


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SELVEDGE_"):
            monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_contract() -> None:
    """product.md, "Settings"."""
    settings = read_settings()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path("var"))
    assert (settings.ops_port, settings.database_url, settings.redis_url, settings.demo) == (None, None, None, False)
    assert (settings.images.max_bytes, settings.checks.keep_days) == (20_000_000, 30)


def test_the_environment_is_read_with_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    """SELVEDGE_, then `__` between levels."""
    monkeypatch.setenv("SELVEDGE_PORT", "9000")
    monkeypatch.setenv("SELVEDGE_DEMO", "1")
    monkeypatch.setenv("SELVEDGE_IMAGES__MAX_BYTES", "5")
    settings = read_settings()
    assert (settings.port, settings.demo, settings.images.max_bytes, settings.images.min_side) == (9000, True, 5, 32)


def test_the_storage_of_the_index_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what is neither is refused; files without a name lie in the data dir."""
    monkeypatch.setenv("SELVEDGE_INDEX__STORAGE", "sq8")
    registry = open_registry(read_settings(data_dir=tmp_path), "m1")
    shards = registry._vectors
    assert isinstance(shards, Shards)
    assert shards.sealing.mapped is QuantisedRows
    registry.close()
    monkeypatch.setenv("SELVEDGE_INDEX__STORAGE", "pq")
    with pytest.raises(SettingsError, match="storage"):
        read_settings()


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None means not given."""
    monkeypatch.setenv("SELVEDGE_PORT", "9000")
    assert read_settings(port=7000).port == 7000
    assert read_settings(port=None).port == 9000


@pytest.mark.parametrize(
    "name", ["SELVEDGE_PROT", "SELVEDGE_IMAGES__MAX_BITES", "SELVEDGE_IMAGES_MAX_BYTES", "selvedge_x"]
)
def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A typo would silently leave the default."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=name):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SELVEDGE_PORT", "high"),
        ("SELVEDGE_PORT", "70000"),
        ("SELVEDGE_CAPACITY__WORKERS", "0"),
        ("SELVEDGE_DEMO", "x"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """And named."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name.removeprefix("SELVEDGE_").lower().replace("__", ".")):
        read_settings()


def test_the_largest_body_must_find_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would be refused for ever, and told to come back."""
    monkeypatch.setenv("SELVEDGE_UPLOADS__MOST_HELD_MB", "54")
    with pytest.raises(SettingsError, match=r"uploads\.most_held_mb"):
        read_settings()
    monkeypatch.setenv("SELVEDGE_UPLOADS__MOST_HELD_MB", "55")
    assert read_settings().uploads.most_held_bytes == 55_000_000


def test_settings_cannot_be_changed() -> None:
    """They are passed in, not edited."""
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1


def test_the_table_lists_every_variable_with_its_meaning() -> None:
    """It is what the documentation shows."""
    table = settings_table()
    names = [name for name, _, _ in table]
    fixed = ("HOST", "PORT", "OPS_PORT", "OPS_HOST", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "DEMO")
    assert {f"SELVEDGE_{name}" for name in fixed} <= set(names)
    assert len(names) == len(set(names))
    assert all(meaning for _, _, meaning in table)
