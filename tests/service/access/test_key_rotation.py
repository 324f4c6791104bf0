"""`selvedge keys rotate`: one replacement for a key, with the end it would have had, and no token lost on its way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.access.keys import MintedKey, Scope, mint
from service.access.keys_store import KeyStore, open_key_store
from service.cli.commands import run
from service.settings import read_settings
from tests.postgres import Cluster

CHECK = frozenset({Scope.CHECK})
Selvedge = Callable[..., tuple[object, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """The empty table of a data dir."""
    opened = open_key_store(read_settings({}, data_dir=tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def selvedge(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Selvedge:
    """`selvedge keys …` on that data dir: (exit code, standard output, standard error)."""
    monkeypatch.setenv("COLUMNS", "300")

    def asked(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(["keys", *arguments, "--data-dir", str(tmp_path)])
        return (ended.value.code, *capsys.readouterr())

    return asked


def made(store: KeyStore, days: int | None = None) -> MintedKey:
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    minted = mint("shop", "acme", CHECK, expires_at=ends)
    store.add(minted.key)
    return minted


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def rotates_once(store: KeyStore) -> None:
    """A second rotation is refused while a replacement works, and afterwards keeps the end of before the first."""
    old = made(store, days=365)
    first = store.rotate(old.key.key_id, in_an_hour())
    with pytest.raises(ValueError, match=f"{first.key.key_id} replaces it"):
        store.rotate(old.key.key_id, in_an_hour())
    assert len(store.list()) == 2
    store.revoke(first.key.key_id)
    second = store.rotate(old.key.key_id, in_an_hour())
    assert second.key.expires_at == first.key.expires_at == old.key.expires_at
    with pytest.raises(ValueError, match=f"{second.key.key_id} replaces it"):
        store.rotate(old.key.key_id, in_an_hour())


def test_a_key_that_is_being_replaced_is_not_replaced_again(store: KeyStore) -> None:
    """A second key would have ended with the first one's overlap, and nothing would have said so."""
    rotates_once(store)


def test_a_key_beside_a_record_in_postgresql_is_replaced_once_too(postgres: Cluster) -> None:
    """The table of replacements is made there by the first rotation."""
    store = KeyStore(postgres.new_database())
    rotates_once(store)
    store.close()


def test_a_replacement_that_was_replaced_counts_too(store: KeyStore) -> None:
    """The first in a line of three still works, the second has ended at once: the third is named."""
    first = made(store)
    second = store.rotate(first.key.key_id, in_an_hour())
    third = store.rotate(second.key.key_id, datetime.now(UTC))
    with pytest.raises(ValueError, match=f"{third.key.key_id} replaces it"):
        store.rotate(first.key.key_id, in_an_hour())
    assert third.key.expires_at is None


def test_the_command_says_when_the_new_key_ends_and_which_replaces_an_old_one(
    store: KeyStore, selvedge: Selvedge
) -> None:
    """The new one's end and the old one's; the second time nothing is made."""
    old = made(store, days=30)
    code, token, told = selvedge("rotate", old.key.key_id, "--overlap", "30m")
    assert (code, f"expires {old.key.expires_at:%Y-%m-%d %H:%M} UTC" in told) == (0, True), told
    code, shown, told = selvedge("rotate", old.key.key_id)
    assert (code, shown, f"{token.split('_')[1]} replaces it" in told) == (2, "", True), told
    assert len(store.list()) == 2
    assert "never expires" in selvedge("create", "till", "--scope", "check")[2]


def test_the_end_that_is_told_of_an_old_key_is_its_own(store: KeyStore, selvedge: Selvedge) -> None:
    """An overlap makes no key last longer than it would have."""
    old = made(store, days=1)
    told = selvedge("rotate", old.key.key_id, "--overlap", "7d")[2]
    assert f"{old.key.key_id} works until {old.key.expires_at:%Y-%m-%d %H:%M} UTC" in told


@pytest.mark.parametrize("command", ["rotate", "create"])
def test_a_key_that_could_not_be_saved_is_not_made(
    store: KeyStore, selvedge: Selvedge, tmp_path: Path, command: str
) -> None:
    """The file is opened first: neither a token that nobody has, nor an end for the old key."""
    old = made(store)
    what = (old.key.key_id,) if command == "rotate" else ("till", "--scope", "check")
    code, shown, told = selvedge(command, *what, "--save-to", str(tmp_path / "nowhere" / "new.key"))
    assert (code, shown, "nowhere" in told) == (2, "", True), told
    assert store.list() == [old.key]


def test_a_rotation_that_is_refused_leaves_files_as_they_were(
    store: KeyStore, selvedge: Selvedge, tmp_path: Path
) -> None:
    """The key that a file held is still there, and no empty file is left."""
    kept, new = tmp_path / "kept.key", tmp_path / "new.key"
    kept.write_text("slv_of_before\n")
    for file in (kept, new):
        assert selvedge("rotate", "nokeyofours2", "--save-to", str(file))[0] == 2
    assert (kept.read_text(), new.exists()) == ("slv_of_before\n", False)


def test_a_file_that_others_could_read_becomes_its_owners_alone(
    store: KeyStore, selvedge: Selvedge, tmp_path: Path
) -> None:
    """And holds the new key alone, however long what it held was."""
    file = tmp_path / "shop.key"
    file.write_text("x" * 500)
    file.chmod(0o644)
    assert selvedge("rotate", made(store).key.key_id, "--save-to", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text()
    assert (token.startswith("slv_"), len(token), token[-1]) == (True, 61, "\n")


def test_a_key_that_was_made_and_could_not_be_written_is_named(
    store: KeyStore, selvedge: Selvedge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: once it is revoked, the old one can be rotated again."""
    old = made(store, days=9)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        code, shown, told = selvedge("rotate", old.key.key_id, "--save-to", str(tmp_path / "new.key"))
    lost = store.list()[1].key_id
    assert (code, shown, f"key {lost} was made and could not be written" in told) == (2, "", True), told
    store.revoke(lost)
    assert store.rotate(old.key.key_id, in_an_hour()).key.expires_at == old.key.expires_at
